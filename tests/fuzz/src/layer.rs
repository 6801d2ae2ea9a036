//! An archive, unpacked into a directory that goes away.

use barque_image::layer::{self, Form, Limits, Options, Rights};

/// Unpacks bytes as a layer; what is outside of its directory stays as it was.
pub(crate) fn unpack(bytes: &[u8]) {
    let Ok(place) = tempfile::tempdir() else { return };
    let target = place.path().join("layer");
    if std::fs::create_dir(&target).is_err() {
        return;
    }
    // As its own user, who makes no devices.
    let limits = Limits { size: 1 << 20, entries: 200, names: 1 << 16 };
    let options = Options { form: Form::UserOverlay, rights: Rights::Own, limits };
    drop(layer::unpack(bytes, &target, &options));
    let beside = std::fs::read_dir(place.path()).map(Iterator::count);
    assert_eq!(beside.ok(), Some(1), "something was made beside the layer");
}

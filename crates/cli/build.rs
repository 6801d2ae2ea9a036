//! How the released program is linked.

fn main() {
    println!("cargo::rerun-if-changed=unwind.ld");
    println!("cargo::rerun-if-changed=build.rs");
    // Tests unwind.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bin=barque=-Wl,-T,{directory}/unwind.ld");
    }
}

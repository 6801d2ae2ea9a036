//! `--blkio-weight…`, `--device-…-bps`, `--device-…-iops`: block I/O.

use barque_runtime::spec::{BlockIo, ThrottleDevice, WeightDevice};

use super::{DeviceNode, Host};
use crate::flags::Parsed;
use crate::value::{integer, size};
use crate::{Error, Result};

/// The block I/O limits, `None` when no flag asks for any.
pub(super) fn block_io(flags: &Parsed, host: &dyn Host) -> Result<Option<BlockIo>> {
    let weight = flags.read("blkio-weight", integer::<u16>)?.filter(|weight| *weight != 0);
    if weight.is_some_and(|weight| !(10..=1000).contains(&weight)) {
        return Err(Error::invalid("Range of blkio weight is from 10 to 1000"));
    }
    let limits = BlockIo {
        weight,
        weight_device: weights(flags, host)?,
        throttle_read_bps_device: throttles(flags, host, "device-read-bps", bytes)?,
        throttle_write_bps_device: throttles(flags, host, "device-write-bps", bytes)?,
        throttle_read_iops_device: throttles(flags, host, "device-read-iops", operations)?,
        throttle_write_iops_device: throttles(flags, host, "device-write-iops", operations)?,
        ..BlockIo::default()
    };
    Ok((limits != BlockIo::default()).then_some(limits))
}

fn weights(flags: &Parsed, host: &dyn Host) -> Result<Option<Vec<WeightDevice>>> {
    let mut list = Vec::new();
    for text in flags.all("blkio-weight-device") {
        let invalid = |why: String| flags.invalid("blkio-weight-device", text, why);
        let (path, weight) = split(text).map_err(invalid)?;
        let weight = weight
            .parse()
            .ok()
            .filter(|weight| *weight == 0 || (10..=1000).contains(weight))
            .ok_or_else(|| invalid(format!("invalid weight for device: {text}")))?;
        let device = block_device(host, path)?;
        list.push(WeightDevice {
            major: device.major,
            minor: device.minor,
            weight: Some(weight),
            leaf_weight: None,
        });
    }
    Ok((!list.is_empty()).then_some(list))
}

fn throttles(
    flags: &Parsed,
    host: &dyn Host,
    long: &str,
    rate: fn(&str, &str) -> std::result::Result<u64, String>,
) -> Result<Option<Vec<ThrottleDevice>>> {
    let mut list = Vec::new();
    for text in flags.all(long) {
        let invalid = |why: String| flags.invalid(long, text, why);
        let (path, number) = split(text).map_err(invalid)?;
        let rate = rate(text, number).map_err(invalid)?;
        let device = block_device(host, path)?;
        list.push(ThrottleDevice { major: device.major, minor: device.minor, rate });
    }
    Ok((!list.is_empty()).then_some(list))
}

/// `/dev/PATH:VALUE`.
fn split(text: &str) -> std::result::Result<(&str, &str), String> {
    let (path, value) = text.split_once(':').ok_or_else(|| format!("bad format: {text}"))?;
    if path.starts_with("/dev/") {
        Ok((path, value))
    } else {
        Err(format!("bad format for device path: {text}"))
    }
}

fn bytes(text: &str, number: &str) -> std::result::Result<u64, String> {
    size(number).ok().and_then(|rate| u64::try_from(rate).ok()).ok_or_else(|| {
        format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. \
             Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        )
    })
}

fn operations(text: &str, number: &str) -> std::result::Result<u64, String> {
    number.parse().map_err(|_| {
        format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>. \
             Number must be a positive integer"
        )
    })
}

fn block_device(host: &dyn Host, path: &str) -> Result<DeviceNode> {
    let found = host.devices(path).map_err(|error| Error::invalid(format!("{path}: {error}")))?;
    found
        .into_iter()
        .find(|device| device.kind == 'b' && device.path == path)
        .ok_or_else(|| Error::invalid(format!("{path} is not a block device")))
}

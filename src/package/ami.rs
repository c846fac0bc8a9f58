//! What Amazon's import takes beside a raw image: the requests of `aws ec2 import-snapshot` and
//! `aws ec2 register-image`, as their `--disk-container` and `--cli-input-json` read them.
//!
//! The bucket and the snapshot are the user's: their places say so.

use std::path::Path;

use serde_json::{Value, json};

use super::{Beside, Hardware};
use crate::format::Disk;
use crate::size::GIB;

/// The device that the disk is.
const ROOT_DEVICE: &str = "/dev/xvda";

/// Both requests, for the image at a path.
pub(super) fn requests(disk: &Disk, path: &Path, hardware: &Hardware) -> Vec<Beside> {
    let name = hardware.plain_name();
    let key = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let import = json!({
        "Description": name,
        "Format": "RAW",
        "UserBucket": { "S3Bucket": "YOUR-BUCKET", "S3Key": key },
    });
    let register = json!({
        "Name": name,
        "Architecture": "x86_64",
        "BootMode": "uefi",
        "VirtualizationType": "hvm",
        "EnaSupport": true,
        "RootDeviceName": ROOT_DEVICE,
        "BlockDeviceMappings": [{
            "DeviceName": ROOT_DEVICE,
            "Ebs": {
                "SnapshotId": "SNAPSHOT-OF-THE-IMPORT",
                "VolumeSize": disk.size().div_ceil(GIB),
                "VolumeType": "gp3",
                "DeleteOnTermination": true,
            },
        }],
    });
    let text = |request: &Value| format!("{request:#}\n").into_bytes();
    vec![("import-snapshot.json", text(&import)), ("register-image.json", text(&register))]
}

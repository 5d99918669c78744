//! Where published weights lie.

use super::entry;

/// torchvision's first published weights of a network for ImageNet (`IMAGENET1K_V1`), a state dict in PyTorch's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pretrained {
    /// Where to download them.
    pub url: &'static str,
    /// The first digits of the file's SHA-256 in hexadecimal, as its name has them.
    pub sha256_prefix: &'static str,
    /// Size of the file, where it is known to the byte.
    pub bytes: Option<u64>,
}

/// The published weights of the network, if there are any. They are for a width of 1 and 1000 classes; those of GoogLeNet
/// and Inception v3 are for transformed images ([`super::ZooOptions::transform_input`]).
pub fn pretrained(name: &str) -> Option<Pretrained> {
    let url = entry(name).ok()?.weights?;
    let (_, file_end) = url.rsplit_once('-')?;
    Some(Pretrained { url, sha256_prefix: file_end.strip_suffix(".pth")?, bytes: None })
}

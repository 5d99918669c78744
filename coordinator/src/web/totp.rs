//! The second factor: codes that an authenticator app makes from a shared seed and the time (RFC 6238), as every such app knows
//! them: SHA-1, six digits, thirty seconds, one step of clock difference either way. SHA-1's collisions do not matter to HMAC.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use totp_rs::{Builder, Secret, Totp};

use super::query::encode;

/// The seed. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; SEED_BYTES]);

/// As long as the hash (RFC 4226, R6).
pub const SEED_BYTES: usize = 20;

impl Seed {
    pub fn fresh() -> Self {
        Self(rand::random())
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    fn totp(&self) -> Totp {
        let seed = Secret::new_stack(self.0);
        Builder::new().with_secret(seed).build().expect("the seed is as long as it should be")
    }

    /// The time step that the code is of, if it is one of about now. Whoever asks sees to it that a step counts once.
    pub fn step_of(&self, code: &str, unix_ms: i64) -> Option<i64> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let step = self.totp().check(&digits, (unix_ms / 1000).max(0) as u64)?;
        i64::try_from(step).ok()
    }

    /// For those who type it: in groups of four.
    pub fn words(&self) -> String {
        let text = self.base32();
        let groups: Vec<&str> = text.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        groups.join(" ")
    }

    fn base32(&self) -> String {
        Secret::new_stack(self.0).to_base32()
    }

    /// What an authenticator app reads. `place` tells this coordinator from others in the app's list.
    pub fn url(&self, user: &str, place: &str) -> String {
        let (user, issuer) = (encode(user), encode(&format!("sweep {place}")));
        let secret = self.base32();
        format!("otpauth://totp/{issuer}:{user}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30")
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// A QR code as the path of an SVG picture, and the picture's width in its own units, the quiet zone included.
pub fn qr(text: &str) -> Option<(String, usize)> {
    /// Modules of white around it, as the standard wants it.
    const QUIET: usize = 4;
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
        }
    }
    Some((path, width + 2 * QUIET))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: times in seconds, and the codes for SHA-1, of which an app shows the last six digits.
    const VECTORS: &[(i64, &str)] = &[
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ];

    fn rfc_seed() -> Seed {
        Seed::read(b"12345678901234567890").unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (second, digits) in VECTORS {
            assert_eq!(rfc_seed().step_of(&digits[2..], second * 1000), Some(second / 30), "at {second}");
        }
    }

    #[test]
    fn a_code_is_good_for_a_step_either_way_and_no_more() {
        let (second, code) = (1111111109, "081804");
        let seen = |offset: i64| rfc_seed().step_of(code, (second + offset) * 1000);
        assert_eq!((seen(-30), seen(0), seen(30)), (Some(second / 30), Some(second / 30), Some(second / 30)));
        assert_eq!((seen(-61), seen(60)), (None, None));
        assert_eq!(rfc_seed().step_of("081 804", second * 1000), Some(second / 30), "as apps show it");
    }

    #[test]
    fn what_is_no_code_is_none() {
        for wrong in ["", "081805", "0818", "0081804", "+81804", "８1804", "081804081804"] {
            assert_eq!(rfc_seed().step_of(wrong, 1_111_111_109_000), None, "{wrong}");
        }
        assert_eq!(rfc_seed().step_of("081804", i64::MIN), None);
        assert!(Seed::read(b"short").is_none());
        assert!(!format!("{:?}", rfc_seed()).contains("49"));
    }

    #[test]
    fn the_address_is_one_that_apps_read() {
        let url = rfc_seed().url("alice b@x", "desk.lan:7433");
        assert_eq!(
            url,
            "otpauth://totp/sweep%20desk.lan%3A7433:alice%20b%40x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=sweep%20desk.lan%3A7433&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(rfc_seed().words(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }

    #[test]
    fn the_picture_has_its_corners_and_its_quiet_zone() {
        let (path, width) = qr(&rfc_seed().url("alice", "desk")).unwrap();
        assert!(path.starts_with("M4 4h1v1h-1z"), "the first finder pattern begins behind the quiet zone");
        assert_eq!((width - 8 - 17) % 4, 0, "a size that QR codes have");
        assert!(qr(&"x".repeat(10_000)).is_none());
    }
}

//! Codes on paper, for one whose phone is gone: ten, each good once.

/// How many somebody is given.
pub const CODES: usize = 10;
/// Digits and letters but for those that are taken for others (Crockford's base 32): five bits each, eighty in all, too many to
/// be found from a hash.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 16;

/// Fresh ones, as they are shown: `7kd2-x0mp-…`.
pub fn fresh() -> Vec<String> {
    let code = || {
        let letters: [u8; LENGTH] = rand::random();
        let letters = letters.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        groups.join("-")
    };
    (0..CODES).map(|_| code()).collect()
}

/// What the database keeps of a user's code, however it was typed.
pub fn hash(user: &str, code: &str) -> String {
    let letters: String = code.chars().filter(|c| c.is_alphanumeric()).map(heard).collect();
    let mut hasher = blake3::Hasher::new_derive_key("sweep 2026-11-29 recovery code");
    hasher.update(user.as_bytes()).update(&[0]).update(letters.as_bytes());
    hasher.finalize().to_hex().to_string()
}

fn heard(letter: char) -> char {
    match letter.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_are_different_and_well_formed() {
        let codes: Vec<String> = (0..20).flat_map(|_| fresh()).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 200);
        for code in &codes {
            assert_eq!(code.len(), 19, "{code}");
            assert!(code.split('-').all(|group| group.len() == 4 && group.bytes().all(|b| ALPHABET.contains(&b))));
        }
        let letters: BTreeSet<char> = codes.join("").chars().collect();
        assert_eq!(letters.len(), 33, "every letter occurs");
    }

    #[test]
    fn it_is_heard_however_it_is_typed_and_is_of_one_user() {
        let wanted = hash("alice", "70d1-x1mp-0000-1111");
        for typed in ["70d1x1mp00001111", " 7OD1 X1MP oooo IlLi ", "70D1-X1MP-0000-1111"] {
            assert_eq!(hash("alice", typed), wanted, "{typed}");
        }
        assert_ne!(hash("bob", "70d1-x1mp-0000-1111"), wanted);
        assert_ne!(hash("alice", "70d1-x1mp-0000-1112"), wanted);
        assert_eq!(wanted.len(), 64);
    }
}

//! The one place where text becomes a word of a shell.

/// A word that any POSIX shell reads as this text and nothing else. No text of a shell holds a zero byte.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// What the shell makes of each word, with a mark behind it: a substitution would cut the end of lines off.
    fn read_back(words: &[String]) -> Vec<u8> {
        let line: String = words.iter().map(|word| format!("printf '%s\\1' {}\n", quote(word))).collect();
        Command::new("sh").arg("-c").arg(line).output().unwrap().stdout
    }

    #[test]
    fn words_that_mean_something_to_a_shell_mean_themselves() {
        let words = ["", " ", "$HOME", "`id`", "a'b", "''", "\\", "\n\n", "-n", "*", "!x", "~", "ä\u{7f}", "a;b&c|d>e #f"];
        let words: Vec<String> = words.map(str::to_owned).into();
        let wanted: String = words.iter().map(|word| format!("{word}\u{1}")).collect();
        assert_eq!(read_back(&words), wanted.as_bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
        #[test]
        fn a_real_shell_reads_any_text_as_itself(words in prop::collection::vec("[^\0\u{1}]{0,40}", 1..20)) {
            let wanted: String = words.iter().map(|word| format!("{word}\u{1}")).collect();
            prop_assert_eq!(read_back(&words), wanted.into_bytes());
        }
    }
}

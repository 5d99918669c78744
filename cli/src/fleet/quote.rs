//! The one place where text becomes a word of a shell.

/// A word that any POSIX shell reads as exactly this text, whatever is in it but a NUL, which no argument can hold.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What `sh` makes of these words.
    fn read_back(words: &[String]) -> Vec<String> {
        let script = format!("for word in {}; do printf '%s\\0' \"$word\"; done", words.join(" "));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn a_shell_reads_what_was_meant() {
        let odd =
            ["", " ", "'", "''", "a'b", "\"$HOME\"", "`id`", "$(id)", "\\", "a\nb", "*", "~", "#", "-n", "é", "a;b"];
        let plain = ["/usr/bin/sweep", "gpu=a100", "https://desk:7433"];
        let texts: Vec<String> = odd.iter().chain(&plain).map(|text| (*text).to_owned()).collect();
        let words: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        assert_eq!(read_back(&words), texts);
        assert_eq!(quoted("/usr/bin/sweep"), "/usr/bin/sweep");
    }

    #[test]
    fn so_does_it_with_anything_that_can_be_written() {
        // Every character of ASCII but NUL, alone and beside a quote, and in pairs.
        let ascii = || (1u8..128).map(char::from);
        let mut texts: Vec<String> =
            ascii().flat_map(|c| [c.to_string(), format!("'{c}"), format!("{c}'{c}")]).collect();
        texts.extend(ascii().flat_map(|a| ascii().map(move |b| format!("{a}{b}"))).step_by(7));
        let words: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        assert_eq!(read_back(&words), texts);
    }
}

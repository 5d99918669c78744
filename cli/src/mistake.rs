//! Mistakes in the command line: clap finds them, and they are told as all other failures are.
//!
//! clap's text is taken apart: its first paragraph is what is wrong, its tips and its usage are what to do. What it takes over from Rust's own
//! errors is put into words.

use std::ffi::OsString;

use crate::exit::Failure;

/// What clap says, as a failure. `command`: as far as it was understood, `sweep agents drain`.
pub fn failure(text: &str, command: &str) -> Failure {
    let (mut wrong, mut hints, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let mut usage = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            hints.extend(meant(tip));
        } else if let Some(shown) = line.strip_prefix("Usage: ") {
            usage = Some(shown.to_owned());
        } else if let Some(first) = line.strip_prefix("error: ") {
            wrong.push(first.to_owned());
        } else if wrong.first().is_some_and(|first| first.ends_with("were not provided:")) && usage.is_none() {
            missing.push(line.to_owned());
        } else if let Some(values) = line.strip_prefix("[possible values: ") {
            wrong.push(format!("; it is one of {}", values.trim_end_matches(']')));
        }
    }
    let wrong = match missing.as_slice() {
        [] => plainly(&wrong.concat()),
        [one] => format!("{one} is missing"),
        several => format!("{} are missing", several.join(" and ")),
    };
    if !missing.is_empty() {
        hints.extend(usage.map(|usage| format!("usage: {usage}")));
    }
    hints.push(format!("`{command} --help` tells more"));
    Failure::usage(wrong).hint(hints.join("; ").replace("?; ", "? "))
}

/// `a similar subcommand exists: 'status'`: whatever the tip, the word that was meant is in quotes.
fn meant(tip: &str) -> Option<String> {
    // How to pass something as a value that looks like a flag is never what was meant here.
    if !tip.contains("similar") && !tip.contains("some") {
        return None;
    }
    // Of several, clap names the most similar last.
    let last = tip.split('\'').skip(1).step_by(2).last()?;
    Some(format!("did you mean {last}?"))
}

/// Instead of what Rust's parsers say.
fn plainly(text: &str) -> String {
    let words = [
        ("invalid digit found in string", "it is no whole number"),
        ("cannot parse integer from empty string", "it is no whole number"),
        ("number too large to fit in target type", "it is too large"),
        ("invalid float literal", "it is no number"),
        ("invalid socket address syntax", "it is no address like 127.0.0.1:7433"),
        ("invalid port value", "it is no port"),
    ];
    let text = words.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
    // `0 is not in 1..=1024`
    let Some((head, range)) = text.rsplit_once(" is not in ") else { return text };
    let Some((from, to)) = range.split_once("..=") else { return text };
    let whole = |n: &str| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit() || c == '-');
    if !whole(from) || !whole(to) {
        return text;
    }
    let head = head.rsplit_once(": ").map_or(head, |(head, _)| head);
    format!("{head}: it must be from {from} to {to}")
}

/// The command that was meant, as far as the arguments name one.
pub fn command(root: &clap::Command, arguments: &[OsString]) -> String {
    let mut name = root.get_name().to_owned();
    let mut at = root;
    for argument in arguments.iter().skip(1).filter_map(|argument| argument.to_str()) {
        let Some(sub) = at.find_subcommand(argument) else { continue };
        name = format!("{name} {}", sub.get_name());
        at = sub;
    }
    name
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::{self, Cli};

    fn told(line: &str) -> String {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = args::parse(&arguments).unwrap_err();
        failure(&error.render().to_string(), &command(&Cli::command(), &arguments)).text()
    }

    #[test]
    fn what_was_meant_comes_first() {
        let text = told("sweep stauts");
        assert_eq!(
            text,
            "error: unrecognized subcommand 'stauts'\nhint: did you mean status? `sweep --help` tells more\n"
        );
        assert!(told("sweep status --al").contains("did you mean --all?"), "{}", told("sweep status --al"));
        assert!(
            told("sweep agents dran").contains("did you mean drain? `sweep agents --help`"),
            "{}",
            told("sweep agents dran")
        );
        assert!(
            told("sweep completions bsh").contains("it is one of bash, elvish"),
            "{}",
            told("sweep completions bsh")
        );
    }

    #[test]
    fn what_is_missing_is_named_with_the_usage() {
        let text = told("sweep priority s1");
        assert!(text.starts_with("error: <N> is missing\nhint: usage: sweep priority <SWEEP|JOB> <N>;"), "{text}");
        assert!(told("sweep priority").contains("<SWEEP|JOB> and <N> are missing"), "{}", told("sweep priority"));
    }

    #[test]
    fn numbers_and_addresses_are_told_in_words() {
        assert!(told("sweep list -n many").contains("it is no whole number"), "{}", told("sweep list -n many"));
        let range = told("sweep events --limit 0");
        assert!(range.contains("invalid value '0' for '--limit <N>': it must be from 1 to 100000"), "{range}");
        assert!(told("sweep serve --listen here").contains("127.0.0.1:7433"));
        // Words of the user's own stay as they are.
        assert_eq!(plainly("\"x is not in there\" is odd"), "\"x is not in there\" is odd");
    }
}

//! The nearest valid word to one that was mistyped.

/// The candidate that `word` most probably meant, if any is near enough: as many slips as a third of its letters, or the
/// same word in another case or with other dashes.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(word);
    let near = |candidate: &str| {
        let other = plain(candidate);
        let slips = strsim::osa_distance(&wanted, &other);
        let length = wanted.chars().count().max(other.chars().count());
        let part = wanted.len() >= 3 && (other.starts_with(&wanted) || wanted.starts_with(&other) && other.len() >= 3);
        if slips <= (length / 3).max(1) && slips < length { Some(slips) } else { part.then_some(length) }
    };
    candidates
        .into_iter()
        .filter_map(|c| near(c).map(|slips| (slips, c)))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, c)| c)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

/// A list of words for a message: `` `a`, `b` or `c` ``.
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|w| format!("`{w}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_case_and_beginnings_are_understood() {
        let names = ["resnet18-cifar", "resnet20-cifar", "small-cnn", "kd-conv4"];
        assert_eq!(nearest("resnet18-cifra", names), Some("resnet18-cifar"));
        assert_eq!(nearest("small_cnn", names), Some("small-cnn"));
        assert_eq!(nearest("kdconv4", names), Some("kd-conv4"));
        assert_eq!(nearest("resnet20", names), Some("resnet20-cifar"));
    }

    #[test]
    fn nothing_is_suggested_for_another_word() {
        assert_eq!(nearest("banana", ["small-cnn", "kd-conv4"]), None);
        assert_eq!(nearest("x", ["y", "ab"]), None);
    }
}

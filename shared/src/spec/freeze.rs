//! Which of a network's parameters stay as they are while it is trained.

use serde::{Deserialize, Serialize};

/// Patterns over the names of parameters (`layer4.1.conv2.weight`). A parameter is frozen if one of `freeze` names it and none
/// of `unfreeze` does. In a pattern `*` stands for any characters, dots included, and `?` for one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FreezeSpec {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfreeze: Vec<String>,
}

impl FreezeSpec {
    /// Whether the parameter of that name keeps its value.
    pub fn is_frozen(&self, parameter: &str) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|pattern| name_matches(pattern, parameter));
        named(&self.freeze) && !named(&self.unfreeze)
    }

    /// Nothing is frozen, whatever the network.
    pub fn is_empty(&self) -> bool {
        self.freeze.is_empty()
    }

    /// All patterns, `freeze` first.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.freeze.iter().chain(&self.unfreeze).map(String::as_str)
    }

    /// The patterns that name none of these parameters.
    pub fn idle<'a>(&'a self, parameters: &'a [String]) -> impl Iterator<Item = &'a str> {
        self.patterns().filter(|pattern| !parameters.iter().any(|name| name_matches(pattern, name)))
    }
}

/// Whether a pattern covers the whole name.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stood, and how much of the name it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (p, n) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_cover_any_characters() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "a.b"),
            ("fc.*", "fc.weight"),
            ("*.bias", "a.b.bias"),
            ("l?.*.w*", "l4.1.conv.weight"),
            ("a*a*a", "aaa"),
        ] {
            assert!(name_matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("", "a"), ("fc", "fc.weight"), ("fc.*", "xfc.weight"), ("*.bias", "a.bias2"), ("a*a*a", "aa"), ("?", "")]
        {
            assert!(!name_matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn unfreezing_wins_over_freezing() {
        let texts = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let spec = FreezeSpec { freeze: texts(&["*"]), unfreeze: texts(&["fc.*", "fcc.*"]) };
        assert!(spec.is_frozen("conv1.weight") && !spec.is_frozen("fc.weight"));
        assert_eq!(spec.idle(&texts(&["conv1.weight", "fc.weight"])).collect::<Vec<_>>(), ["fcc.*"]);
        assert!(!FreezeSpec::default().is_frozen("fc.weight"));
    }
}

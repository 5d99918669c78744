//! Misspelt settings, and what was most probably meant.

use std::path::Path;

use sweep_shared::plan::nearest;

use super::catalogue;
use crate::exit::Failure;

/// Where all of them are told.
pub const HELP: &str = "`sweep config show --help` tells of every setting";

/// `sweep.toml` cannot be used: where, why, and what was meant.
pub fn of_file(path: &Path, error: &toml::de::Error) -> Failure {
    let failure = Failure::usage(format!("{}: {}", path.display(), error.to_string().trim_end()));
    failure.hint(match meant(error.message()) {
        Some((unknown, near)) => format!("did you mean `{near}` instead of `{unknown}`? {HELP}"),
        None => HELP.to_owned(),
    })
}

/// From ``unknown field `slotz`, expected one of `slots`, …``: what was written, and the nearest that there is.
fn meant(message: &str) -> Option<(&str, &str)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (unknown, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    nearest(unknown, known).map(|near| (unknown, near))
}

/// A setting by the name of `sweep config show`.
pub fn of_name(name: &str, known: &[&str]) -> Failure {
    let failure = Failure::usage(format!("there is no setting {name:?}"));
    match nearest(name, known.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean {near}? {HELP}")),
        None => failure.hint(HELP),
    }
}

/// Variables that are set and do nothing, because they are one slip from one that would: `SWEEP_SLOT`. Others are somebody's own.
pub fn of_variables(set: impl Iterator<Item = String>) -> Vec<String> {
    let known: Vec<&str> = catalogue::all()
        .map(|setting| setting.variable)
        .filter(|variable| !variable.is_empty())
        .chain(catalogue::OTHER_VARIABLES.iter().copied())
        .collect();
    let mut wrong: Vec<String> = set
        .filter(|name| name.starts_with("SWEEP_") && !known.contains(&name.as_str()))
        .filter_map(|name| {
            let near = known.iter().find(|known| strsim::osa_distance(known, &name) == 1)?;
            Some(format!("{name} is set, but nothing is called so; did you mean {near}?"))
        })
        .collect();
    wrong.sort();
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::file::SettingsFile;

    #[test]
    fn a_misspelt_name_in_the_file_is_told_with_its_line_and_the_nearest() {
        let told = |text: &str| of_file(Path::new("/h/sweep.toml"), &SettingsFile::parse(text).unwrap_err()).text();
        let slots = told("lease = '1m'\nslotz = 2\n");
        assert!(slots.contains("/h/sweep.toml") && slots.contains("line 2") && slots.contains("`slots`"), "{slots}");
        let inner = told("[retention]\nlog = '3d'\n");
        assert!(inner.contains("did you mean `logs` instead of `log`?"), "{inner}");
        let other = told("banana = 2\n");
        assert!(other.contains("banana") && other.contains("hint: `sweep config show --help`"), "{other}");
        assert!(told("slots = 'two'\n").contains("config show"), "{}", told("slots = 'two'\n"));
    }

    #[test]
    fn a_variable_one_slip_from_a_setting_is_told() {
        let set =
            ["SWEEP_SLOT", "SWEEP_SLOTS", "SWEEP_OUR_OWN", "SWEEP_SEEDS", "HOME", "SWEEP_HOEM"].map(str::to_owned);
        let told = of_variables(set.into_iter());
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("SWEEP_HOEM") && told[0].contains("did you mean SWEEP_HOME?"), "{told:?}");
        assert!(told[1].contains("did you mean SWEEP_SLOTS?"), "{told:?}");
    }
}

//! Paths as plans write them: `~/data`, `${DATA}/cifar`. They mean the machine that runs the job, so they are expanded there
//! and not when the plan is read.

/// A path of a plan that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("`${{` in {0:?} has no `}}`, or no name between them")]
    Unclosed(String),
    #[error("the variable `{0}` is not set on this machine")]
    Unset(String),
    #[error("{0:?} names another user's home folder; only `~/` is understood")]
    OtherHome(String),
}

/// Whether the path is well formed; which variables are set only the machine that runs the job knows.
pub fn check_path(path: &str) -> Result<(), PathError> {
    expand_path(path, |_| Some(String::new())).map(drop)
}

/// Replaces a leading `~` by `HOME` and each `${NAME}` by that variable's value, which `variable` looks up.
pub fn expand_path(path: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, PathError> {
    let look_up = |name: &str| variable(name).ok_or_else(|| PathError::Unset(name.to_owned()));
    let mut expanded = String::new();
    let mut rest = path;
    if let Some(after) = path.strip_prefix('~') {
        if !after.is_empty() && !after.starts_with('/') {
            return Err(PathError::OtherHome(path.to_owned()));
        }
        expanded.push_str(&look_up("HOME")?);
        rest = after;
    }
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or_else(|| PathError::Unclosed(path.to_owned()))?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(PathError::Unclosed(path.to_owned()));
        }
        expanded.push_str(before);
        expanded.push_str(&look_up(name)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_home(path: &str) -> Result<String, PathError> {
        expand_path(path, |name| match name {
            "HOME" => Some("/home/ada".to_owned()),
            "DATA" => Some("/mnt/data".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn home_and_variables_are_replaced() {
        assert_eq!(with_home("~/data"), Ok("/home/ada/data".to_owned()));
        assert_eq!(with_home("~"), Ok("/home/ada".to_owned()));
        assert_eq!(with_home("${DATA}/${DATA}x"), Ok("/mnt/data//mnt/datax".to_owned()));
        assert_eq!(with_home("a/~/$b"), Ok("a/~/$b".to_owned()));
    }

    #[test]
    fn what_cannot_be_replaced_is_refused() {
        assert_eq!(with_home("${OTHER}/x"), Err(PathError::Unset("OTHER".to_owned())));
        assert_eq!(with_home("${DATA"), Err(PathError::Unclosed("${DATA".to_owned())));
        assert_eq!(with_home("~bob/x"), Err(PathError::OtherHome("~bob/x".to_owned())));
        assert_eq!(check_path("${ANY}/x"), Ok(()));
        assert!(check_path("${}").is_err());
    }
}

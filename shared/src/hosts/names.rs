//! `gpu[01-20]`: many hosts in one word.

/// More hosts than anybody lists on purpose.
pub const MOST: usize = 1000;

/// The names that a word stands for, in its order; itself, where it has no brackets. `Err`: why it stands for none.
pub fn expand(word: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = word.split_once('[') else { return Ok(vec![word.to_owned()]) };
    let wrong = || format!("`{word}` is no range of hosts: one looks like `gpu[01-20]` or `gpu[1-3,7]`");
    let (inside, after) = rest.split_once(']').ok_or_else(wrong)?;
    if inside.is_empty() || after.contains(['[', ']']) {
        return Err(wrong());
    }
    let mut names = Vec::new();
    for part in inside.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (number(first).ok_or_else(wrong)?, number(last).ok_or_else(wrong)?);
        if low > high {
            return Err(format!("`{part}` in `{word}` counts backwards"));
        }
        if (high - low) as usize >= MOST - names.len().min(MOST) {
            return Err(format!("`{word}` stands for more than {MOST} hosts"));
        }
        let width = first.len();
        names.extend((low..=high).map(|n| format!("{before}{n:0width$}{after}")));
    }
    Ok(names)
}

fn number(digits: &str) -> Option<u32> {
    let good = !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit());
    good.then(|| digits.parse().ok()).flatten()
}

/// Why a text is no host as `ssh` takes it. What passes goes to no shell and is no option; OpenSSH hands it on to
/// `ProxyCommand` and the like, so only what names are made of is allowed.
pub fn wrong_destination(text: &str) -> Option<String> {
    if text.starts_with('-') || text.split('@').any(|part| part.starts_with('-')) {
        return Some(format!("`{text}` begins with a dash: `ssh` would take it for an option"));
    }
    if text.split('@').any(str::is_empty) {
        return Some(format!("`{text}` names no host: one looks like `desk-2` or `ada@lab-3`"));
    }
    if text.contains("://") {
        return Some(format!("`{text}` is written without `ssh://`; the port goes into `port`"));
    }
    let odd = text.chars().find(|c| !c.is_ascii_alphanumeric() && !".-_@:%+\\".contains(*c));
    odd.map(|c| format!("`{text}` holds {c:?}, which no name of a host holds"))
}

/// What a host is called by itself: the destination without its user.
pub fn bare(destination: &str) -> &str {
    destination.rsplit_once('@').map_or(destination, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_keeps_the_width_of_its_first_number() {
        let shown = |word: &str| expand(word).unwrap().join(" ");
        assert_eq!(shown("desk"), "desk");
        assert_eq!(shown("ada@gpu[08-11].lab"), "ada@gpu08.lab ada@gpu09.lab ada@gpu10.lab ada@gpu11.lab");
        assert_eq!(shown("n[1-3,7]"), "n1 n2 n3 n7");
        for wrong in ["n[", "n[]", "n[1-]", "n[a-b]", "n[1-2][3-4]", "n[1-2]]", "n[3-1]", "n[1-9999]", "n[1-1000,1]"] {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_host_is_an_option_or_a_command() {
        for good in ["desk", "ada@lab-3", "CORP\\ada@lab_3.example.org", "fe80::1%eth0", "a+b@h"] {
            assert_eq!(wrong_destination(good), None, "{good}");
        }
        for wrong in ["-oProxyCommand=x", "ada@-oX", "a b", "h;id", "h`id`", "$(id)", "@h", "a@", "ssh://h", "h\n"] {
            assert!(wrong_destination(wrong).is_some(), "{wrong}");
        }
    }
}

//! Which pages are live, and what concerns them.

use std::time::Duration;

use sweep_shared::ids::{JobId, SweepId};

use super::{Asked, Parts};
use crate::store::Changes;
use crate::web::fields::{Fields, is_local};
use crate::web::routes;

/// A row of the table.
pub struct LivePage {
    /// As in the table of routes.
    pub path: &'static str,
    pub about: About,
    /// It is looked at this often in any case: time passes, and agents report without a word in the database.
    pub tick: Duration,
    pub parts: Parts,
    /// It shows the log of the job that its path names.
    pub has_log: bool,
}

/// What a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Sweeps and agents.
    Everything,
    /// The `{sweep}` of its path.
    Sweep,
    /// The `{job}` of its path.
    Job,
    Agents,
    Events,
}

impl About {
    /// Whether a commit may make the page another.
    pub fn concerns(self, asked: &Asked, changes: &Changes) -> bool {
        match self {
            Self::Everything => !changes.jobs.is_empty() || !changes.sweeps.is_empty() || is_of_agents(changes),
            Self::Sweep => {
                let sweep = asked.number("sweep").map(SweepId);
                sweep.is_ok_and(|sweep| {
                    changes.sweeps.contains(&sweep) || changes.jobs.iter().any(|(of, _)| *of == sweep)
                })
            }
            Self::Job => {
                let job = asked.number("job").map(JobId);
                job.is_ok_and(|job| changes.jobs.iter().any(|(_, other)| *other == job))
            }
            Self::Agents => !changes.jobs.is_empty() || is_of_agents(changes),
            Self::Events => changes.events > 0,
        }
    }

    /// Whether a running attempt's progress does.
    pub fn is_told(self, asked: &Asked, sweep: SweepId, job: JobId) -> bool {
        match self {
            Self::Everything => true,
            Self::Sweep => asked.number("sweep").is_ok_and(|of| of == sweep.0),
            Self::Job => asked.number("job").is_ok_and(|of| of == job.0),
            Self::Agents | Self::Events => false,
        }
    }
}

fn is_of_agents(changes: &Changes) -> bool {
    !changes.drained.is_empty() || !changes.expelled.is_empty()
}

/// Agents report each few seconds.
const OFTEN: Duration = Duration::from_secs(5);
const SELDOM: Duration = Duration::from_secs(20);

macro_rules! live {
    ($path:literal $about:ident $tick:ident $parts:path) => {
        LivePage {
            path: $path,
            about: About::$about,
            tick: $tick,
            parts: |api, asked| Box::pin($parts(api, asked)),
            has_log: false,
        }
    };
}

pub static PAGES: &[LivePage] = &[
    live!("/" Everything OFTEN routes::overview::parts),
    live!("/sweeps/{sweep}" Sweep SELDOM routes::sweep::parts),
    LivePage { has_log: true, ..live!("/jobs/{job}" Job SELDOM routes::job::parts) },
    live!("/agents" Agents OFTEN routes::agents::parts),
    live!("/agents/{agent}" Agents OFTEN routes::agents::one),
    live!("/events" Events SELDOM routes::events::parts),
];

/// What stands in a path where its pattern has `{name}`.
type Place = Vec<(String, String)>;

/// The page that an address is of, and what it asks for; `None`: of none that is live.
pub fn find(address: &str) -> Option<(&'static LivePage, Place, Fields)> {
    if !is_local(address) {
        return None;
    }
    let uri: http::Uri = address.parse().ok()?;
    let (page, place) = PAGES.iter().find_map(|page| Some((page, place(page.path, uri.path())?)))?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?.0;
    Some((page, place, Fields::new(pairs).ok()?))
}

/// What stands in the path where the pattern has `{name}`; `None`: it is another's path.
fn place(pattern: &str, path: &str) -> Option<Place> {
    let (patterns, parts) = (pattern.split('/'), path.split('/'));
    if patterns.clone().count() != parts.clone().count() {
        return None;
    }
    let mut place = Vec::new();
    for (pattern, part) in patterns.zip(parts) {
        match pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !part.is_empty() => place.push((name.to_owned(), decoded(part)?)),
            None if pattern == part => {}
            _ => return None,
        }
    }
    Some(place)
}

/// A path's `%41` as `A`.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push((digit(rest.next())? * 16 + digit(rest.next())?) as u8);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::ROUTES;

    #[test]
    fn every_live_page_is_a_page() {
        for page in PAGES {
            assert!(
                ROUTES.iter().any(|route| route.method == http::Method::GET && route.path == page.path),
                "{}",
                page.path
            );
        }
    }

    #[test]
    fn a_path_is_matched_part_by_part() {
        let of = |pattern, path| place(pattern, path).map(|place| place.into_iter().map(|(_, value)| value).collect());
        assert_eq!(of("/sweeps/{sweep}", "/sweeps/s3"), Some(vec!["s3".to_owned()]));
        assert_eq!(of("/agents/{agent}", "/agents/lab%2D1"), Some(vec!["lab-1".to_owned()]));
        assert_eq!(of("/", "/"), Some(Vec::<String>::new()));
        for path in ["/sweeps", "/sweeps/", "/sweeps/3/4", "/jobs/3", "/sweeps/%zz", "/sweeps/%4", "/sweeps/%ff"] {
            assert_eq!(of("/sweeps/{sweep}", path), None::<Vec<String>>, "{path}");
        }
    }

    #[test]
    fn addresses_of_elsewhere_are_no_pages() {
        assert!(find("/").is_some());
        assert!(find("/?a=1&a=2").is_none(), "a field twice");
        for address in ["", "//evil.example/", "https://evil.example/", "/account", "/no-such"] {
            assert!(find(address).is_none(), "{address}");
        }
    }

    #[test]
    fn what_happens_elsewhere_concerns_nobody() {
        let asked = |name: &str| Asked {
            place: vec![(name.to_owned(), "3".to_owned())],
            fields: Fields::default(),
            may_change: false,
        };
        let of = |sweep, job| Changes { jobs: vec![(SweepId(sweep), JobId(job))], events: 1, ..Changes::default() };
        assert!(
            About::Sweep.concerns(&asked("sweep"), &of(3, 8)) && !About::Sweep.concerns(&asked("sweep"), &of(4, 3))
        );
        assert!(About::Job.concerns(&asked("job"), &of(8, 3)) && !About::Job.concerns(&asked("job"), &of(3, 8)));
        assert!(About::Sweep.is_told(&asked("sweep"), SweepId(3), JobId(8)));
        assert!(!About::Job.is_told(&asked("job"), SweepId(3), JobId(8)));
        let read = Changes { access: true, ..Changes::default() };
        let all = [About::Everything, About::Sweep, About::Job, About::Agents, About::Events];
        assert!(!all.into_iter().any(|about| about.concerns(&asked("sweep"), &read)), "somebody's token");
    }
}

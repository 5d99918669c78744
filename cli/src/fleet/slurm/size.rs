//! How many allocations there are to be: a decision.

/// How large a fleet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Brought up whether or not anything waits.
    pub first: u32,
    /// So many never leave for want of work.
    pub min: u32,
    pub max: u32,
}

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct There {
    /// Allocations that wait or run, and how many of these never leave for want of work.
    pub allocations: u32,
    pub stay: u32,
    /// Jobs that wait for an agent, or run on one of this fleet.
    pub jobs: u32,
}

/// What to ask Slurm for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct More {
    pub stay: u32,
    pub leave: u32,
}

impl More {
    pub fn total(self) -> u32 {
        self.stay + self.leave
    }
}

impl Size {
    /// `count` alone: so many. With `min` or `max`: as many as there is work for, but no fewer and no more than these.
    pub fn new(count: Option<u32>, min: Option<u32>, max: Option<u32>) -> Result<Self, String> {
        let follows = min.is_some() || max.is_some();
        let min = min.unwrap_or(0);
        let first = count.unwrap_or(if follows { min } else { 1 });
        let max = max.unwrap_or(first.max(min).max(1));
        if min > max {
            return Err(format!("min={min} is more than max={max}"));
        }
        if first > max || first < min {
            return Err(format!("count={first} is not between min={min} and max={max}"));
        }
        Ok(Self { first, min, max })
    }

    /// What is missing. `launching`: a user asks for the fleet now, so that `first` counts, too.
    pub fn missing(self, launching: bool, jobs_each: u32, there: There) -> More {
        let wanted = there.jobs.div_ceil(jobs_each.max(1)).clamp(self.min, self.max);
        let wanted = if launching { wanted.max(self.first) } else { wanted };
        let stay = self.min.saturating_sub(there.stay);
        // Those that stay come first, also where others fill the fleet for the moment.
        let room = self.max.saturating_sub(there.allocations);
        let total = wanted.saturating_sub(there.allocations).max(stay).min(room);
        let stay = stay.min(total);
        More { stay, leave: total - stay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(count: Option<u32>, min: Option<u32>, max: Option<u32>) -> Size {
        Size::new(count, min, max).unwrap()
    }

    #[test]
    fn a_count_alone_is_that_many() {
        let four = size(Some(4), None, None);
        assert_eq!(four.missing(true, 1, There::default()), More { stay: 0, leave: 4 });
        let there = There { allocations: 3, stay: 0, jobs: 100 };
        assert_eq!(four.missing(true, 1, there), More { stay: 0, leave: 1 }, "launching again adds what is missing");
        assert_eq!(size(None, None, None), Size { first: 1, min: 0, max: 1 });
    }

    #[test]
    fn between_min_and_max_it_follows_the_work() {
        let fleet = size(None, Some(1), Some(8));
        let jobs = |jobs| There { jobs, ..There::default() };
        assert_eq!(fleet.missing(true, 2, jobs(0)), More { stay: 1, leave: 0 });
        assert_eq!(fleet.missing(true, 2, jobs(5)), More { stay: 1, leave: 2 });
        assert_eq!(fleet.missing(true, 2, jobs(1000)), More { stay: 1, leave: 7 });
        let there = There { allocations: 3, stay: 1, jobs: 7 };
        assert_eq!(fleet.missing(false, 2, there), More { stay: 0, leave: 1 });
        assert_eq!(
            fleet.missing(false, 2, There { jobs: 2, ..there }),
            More::default(),
            "the others leave by themselves"
        );
        let lost = There { allocations: 3, stay: 0, jobs: 2 };
        assert_eq!(fleet.missing(false, 2, lost), More { stay: 1, leave: 0 });
    }

    #[test]
    fn sizes_that_contradict_themselves_are_refused() {
        for (count, min, max) in [(None, Some(3), Some(2)), (Some(9), None, Some(8)), (Some(1), Some(2), None)] {
            assert!(Size::new(count, min, max).is_err(), "{count:?} {min:?} {max:?}");
        }
        assert_eq!(size(Some(4), Some(1), None).max, 4);
    }

    /// However things stand, a fleet never grows beyond `max`, and one step brings it to what it should be.
    #[test]
    fn one_step_is_enough_and_never_too_much() {
        for (min, more, each) in cube(4, 4, 3) {
            let fleet = size(None, Some(min), Some((min + more).max(1)));
            for (allocations, stay, jobs) in cube(10, 10, 20) {
                let there = There { allocations, stay: stay.min(allocations), jobs };
                let asked = fleet.missing(false, each + 1, there);
                let after = There { allocations: allocations + asked.total(), stay: there.stay + asked.stay, jobs };
                assert!(after.allocations <= fleet.max.max(allocations), "{fleet:?} {there:?} {asked:?}");
                assert_eq!(fleet.missing(false, each + 1, after), More::default(), "{fleet:?} {there:?} {asked:?}");
            }
        }
    }

    fn cube(a: u32, b: u32, c: u32) -> impl Iterator<Item = (u32, u32, u32)> {
        (0..a).flat_map(move |x| (0..b).flat_map(move |y| (0..c).map(move |z| (x, y, z))))
    }
}

//! From values to places along an axis.

/// A mapping of values onto `low..=high` (in the chart's units; `low` may be the larger).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    from: f64,
    to: f64,
    log: bool,
    low: f64,
    high: f64,
}

/// Ticks that an axis has room for.
const TICKS: f64 = 5.0;
/// Values that span less than this are shown side by side.
const WIDE: f64 = 8.0;

impl Scale {
    /// Around these values, with some room at both ends. `wide`: logarithmic where they span orders of magnitude.
    pub fn around(values: impl Iterator<Item = f64>, wide: bool, low: f64, high: f64) -> Self {
        let (least, most) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
        let (least, most) = if least > most { (0.0, 1.0) } else { (least, most) };
        let log = wide && least > 0.0 && most / least >= WIDE;
        let (from, to) = if log {
            let room = (most / least).powf(0.04);
            (least / room, most * room)
        } else {
            let span = most - least;
            let room = if span > 0.0 { span * 0.05 } else { (least.abs() * 0.1).max(0.01) };
            // What cannot be negative has no room below nought.
            let from = if least >= 0.0 { (least - room).max(0.0) } else { least - room };
            (from, most + room)
        };
        Self { from, to, log, low, high }
    }

    /// From nought to at least this.
    pub fn from_nought(most: f64, low: f64, high: f64) -> Self {
        Self { from: 0.0, to: if most > 0.0 { most } else { 1.0 }, log: false, low, high }
    }

    pub fn place(&self, value: f64) -> f64 {
        let bend = |value: f64| if self.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let share = (bend(value) - bend(self.from)) / (bend(self.to) - bend(self.from));
        self.low + share.clamp(-0.02, 1.02) * (self.high - self.low)
    }

    /// Round values within, from the least.
    pub fn ticks(&self) -> Vec<f64> {
        if self.log { self.round_powers() } else { self.round_steps() }
    }

    fn round_steps(&self) -> Vec<f64> {
        let rough = (self.to - self.from) / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= 0.7 * rough);
        let step = step.unwrap_or(10.0 * power);
        let first = (self.from / step).ceil() as i64;
        (first..).map(|i| i as f64 * step).take_while(|tick| *tick <= self.to * (1.0 + 1e-12)).take(12).collect()
    }

    fn round_powers(&self) -> Vec<f64> {
        let (first, last) = (self.from.log10().floor() as i32, self.to.log10().ceil() as i32);
        let decades = self.to.log10() - self.from.log10();
        let times: &[f64] = match decades {
            d if d < 1.5 => &[1.0, 2.0, 5.0],
            d if d < 3.0 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let every = ((decades / TICKS).ceil() as usize).max(1);
        let within = |tick: &f64| (self.from..=self.to).contains(tick);
        let powers = (first..=last).step_by(every);
        powers.flat_map(|power| times.iter().map(move |times| times * 10_f64.powi(power))).filter(within).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let scale = Scale::around([0.8123, 0.9377].into_iter(), false, 0.0, 100.0);
        assert_eq!(
            scale.ticks().iter().map(|tick| (tick * 1000.0).round()).collect::<Vec<_>>(),
            [820.0, 840.0, 860.0, 880.0, 900.0, 920.0, 940.0]
        );
        let wide = Scale::around([9e4, 4.2e6].into_iter(), true, 0.0, 100.0);
        assert_eq!(wide.ticks(), [1e5, 3e5, 1e6, 3e6]);
        let huge = Scale::around([1e-3, 1e9].into_iter(), true, 0.0, 100.0);
        assert!((3..=7).contains(&huge.ticks().len()), "{:?}", huge.ticks());
    }

    #[test]
    fn places_keep_the_order_and_stay_inside() {
        let scale = Scale::around([1.0, 1000.0].into_iter(), true, 300.0, 0.0);
        let places = [1.0, 10.0, 100.0, 1000.0].map(|value| scale.place(value));
        assert!(
            places.is_sorted_by(|a, b| a > b) && places.iter().all(|place| (0.0..=300.0).contains(place)),
            "{places:?}"
        );
        assert!((places[0] - places[1] - (places[1] - places[2])).abs() < 1e-9, "equal factors are equally far apart");
    }

    #[test]
    fn one_value_none_and_what_is_no_number_have_a_scale() {
        for values in [vec![], vec![0.5], vec![0.0], vec![-3.0, -3.0], vec![f64::NAN, 2.0], vec![f64::INFINITY]] {
            let scale = Scale::around(values.iter().copied(), true, 0.0, 100.0);
            assert!(!scale.ticks().is_empty(), "{values:?}");
            assert!(scale.place(0.5).is_finite());
        }
    }
}

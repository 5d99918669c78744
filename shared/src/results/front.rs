//! The Pareto front of two values.

/// Which end of a value is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Less,
    More,
}

/// For each place whether no other is at least as good in both values, and better in one. Places without either value are not
/// on the front; twins are both on it.
pub fn front(places: &[Option<(f64, f64)>], better: (Better, Better)) -> Vec<bool> {
    let toward = |value: f64, better| if better == Better::More { -value } else { value };
    let costs: Vec<Option<(f64, f64)>> = places
        .iter()
        .map(|place| place.filter(|(x, y)| x.is_finite() && y.is_finite()))
        .map(|place| place.map(|(x, y)| (toward(x, better.0), toward(y, better.1))))
        .collect();
    let mut order: Vec<usize> = (0..costs.len()).filter(|&at| costs[at].is_some()).collect();
    let cost = |at: usize| costs[at].unwrap_or_default();
    order.sort_by(|&a, &b| cost(a).0.total_cmp(&cost(b).0).then(cost(a).1.total_cmp(&cost(b).1)));
    let mut on_front = vec![false; places.len()];
    // By growing first value: on the front is what has a smaller second one than all before, or is the last such one's twin.
    let mut last: Option<(f64, f64)> = None;
    for at in order {
        let here = cost(at);
        if last.is_none_or(|last| here.1 < last.1 || here == last) {
            on_front[at] = true;
            last = Some(here);
        }
    }
    on_front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_beats_is_on_the_front() {
        let places = [
            Some((1000.0, 0.93)),
            Some((1000.0, 0.90)),
            Some((300.0, 0.92)),
            Some((300.0, 0.92)),
            Some((100.0, 0.80)),
            Some((200.0, 0.80)),
            None,
            Some((f64::NAN, 0.99)),
        ];
        let wanted = [true, false, true, true, true, false, false, false];
        assert_eq!(front(&places, (Better::Less, Better::More)), wanted);
    }

    /// Against the definition, on values of few different sizes, so that many are equal.
    #[test]
    fn it_is_what_the_definition_says() {
        let mut state = 7_u64;
        let mut draw = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) % 5) as f64
        };
        for _ in 0..200 {
            let places: Vec<Option<(f64, f64)>> = (0..9).map(|_| Some((draw(), draw()))).collect();
            let beaten =
                |(x, y): (f64, f64)| places.iter().flatten().any(|&(a, b)| a >= x && b <= y && (a > x || b < y));
            let wanted: Vec<bool> = places.iter().map(|place| !beaten(place.unwrap())).collect();
            assert_eq!(front(&places, (Better::More, Better::Less)), wanted, "{places:?}");
        }
    }
}

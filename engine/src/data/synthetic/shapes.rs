//! What each class looks like: a region of the plane.
//!
//! Coordinates (u, v) are in units of 1/1024 of the object's half-width, relative to its centre, v pointing down.

/// Class names, in label order.
pub const CLASSES: [&str; 10] =
    ["bars", "columns", "diagonals", "checks", "rings", "disc", "frame", "triangle", "plus", "dots"];

/// The object's half-width in its own coordinates.
pub const UNIT: i32 = 1024;

/// What differs between two objects of one class.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Width of one stripe, check or ring, in units of (u, v).
    pub stripe: i32,
    /// Where the texture begins, per axis.
    pub phase: (i32, i32),
    /// 0…3: quarter turns of a triangle, direction of diagonals.
    pub variant: u32,
}

/// Whether the point belongs to an object of class `class` (a label).
pub fn covers(class: usize, form: &Form, u: i32, v: i32) -> bool {
    let in_square = u.abs() <= UNIT && v.abs() <= UNIT;
    let stripe = |at: i32| at.div_euclid(form.stripe).rem_euclid(2) == 0;
    let (pu, pv) = (u + form.phase.0, v + form.phase.1);
    match class {
        0 => in_square && stripe(pv),
        1 => in_square && stripe(pu),
        // A diagonal stripe is narrower by √2 than its step along an axis.
        2 => in_square && stripe((if form.variant & 1 == 0 { pu + pv } else { pu - pv }) * 7 / 10),
        3 => in_square && (stripe(pu) ^ stripe(pv)),
        4 => radius(u, v) <= UNIT && (radius(u, v) * 5 / UNIT) % 2 == 0,
        5 => radius(u, v) <= UNIT * 9 / 10,
        6 => in_square && u.abs().max(v.abs()) >= UNIT * 5 / 8,
        7 => in_triangle(turned(form.variant, u, v)),
        8 => in_square && u.abs().min(v.abs()) <= UNIT / 4,
        _ => in_square && in_dot(form.stripe * 2, pu, pv),
    }
}

fn radius(u: i32, v: i32) -> i32 {
    (u * u + v * v).isqrt()
}

fn turned(quarter_turns: u32, u: i32, v: i32) -> (i32, i32) {
    match quarter_turns & 3 {
        0 => (u, v),
        1 => (v, u),
        2 => (u, -v),
        _ => (v, -u),
    }
}

fn in_triangle((u, v): (i32, i32)) -> bool {
    v.abs() <= UNIT && 2 * u.abs() <= v + UNIT
}

fn in_dot(period: i32, u: i32, v: i32) -> bool {
    let centred = |at: i32| at.rem_euclid(period) - period / 2;
    radius(centred(u), centred(v)) * 10 <= period * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form { stripe: 256, phase: (0, 0), variant: 0 };

    #[test]
    fn shapes_cover_what_their_names_say() {
        let covered = |name: &str, u, v| covers(CLASSES.iter().position(|&class| class == name).unwrap(), &FORM, u, v);
        assert!(covered("bars", 900, 100) && !covered("bars", 900, 300));
        assert!(covered("columns", 100, 900) && !covered("columns", 300, 900));
        assert!(covered("checks", 100, 300) && !covered("checks", 100, 100));
        assert!(covered("rings", 100, 100) && !covered("rings", 300, 0) && covered("rings", 500, 0));
        assert!(covered("disc", 0, 900) && !covered("disc", 800, 800));
        assert!(covered("frame", 800, 800) && !covered("frame", 0, 0));
        assert!(covered("triangle", 0, -900) && !covered("triangle", 600, -600));
        assert!(covered("plus", 0, 900) && !covered("plus", 600, 600));
        assert!(covered("dots", 256, 256) && !covered("dots", 0, 0));
    }

    #[test]
    fn nothing_lies_outside_the_unit_square() {
        for (class, name) in CLASSES.iter().enumerate() {
            for (u, v) in [(1100, 0), (-1100, 300), (0, 1100), (500, -1100)] {
                assert!(!covers(class, &FORM, u, v), "{name} at ({u}, {v})");
            }
        }
    }
}

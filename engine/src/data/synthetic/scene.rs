//! Everything about an image that is drawn at random.

use rand_chacha::ChaCha8Rng;

use super::super::order::below;
use super::SIDE;
use super::shapes::{Form, UNIT};

/// Sub-pixel units: coordinates are in 1/16 of a pixel.
pub const SUB: i32 = 16;

/// 1024·(cos, sin) of 0°, 4°, … 20°: the object's turn. A table, because sine and cosine differ in their last bits from
/// one machine to the next.
const TURNS: [(i32, i32); 6] = [(1024, 0), (1022, 71), (1014, 143), (1002, 213), (984, 282), (962, 350)];

/// A colour, RGB.
pub type Colour = [i32; 3];

/// A small mark that belongs to no class.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// Corner and size, in pixels.
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
    pub colour: Colour,
}

/// What is drawn, where, and in which colours.
#[derive(Debug, Clone)]
pub struct Scene {
    pub class: usize,
    pub form: Form,
    /// Centre and half-width of the object, in 1/16 pixel.
    pub centre: (i32, i32),
    pub half_width: i32,
    /// 1024·(cos, sin) of the turn.
    pub turn: (i32, i32),
    pub object: Colour,
    pub background: Colour,
    /// How much each channel of the background changes from one side to the other, and in which direction.
    pub gradient: (Colour, bool),
    pub marks: Vec<Mark>,
    /// Largest deviation by noise, in pixel values.
    pub noise: i32,
}

impl Scene {
    /// Draws a scene of class `class`.
    pub fn draw(rng: &mut ChaCha8Rng, class: usize) -> Scene {
        let half_width = between(rng, 13 * SUB / 2, 12 * SUB);
        let place = |rng: &mut ChaCha8Rng| {
            let margin = half_width * 7 / 8;
            between(rng, margin, SIDE as i32 * SUB - margin)
        };
        let centre = (place(rng), place(rng));
        let (object, background) = colours(rng);
        // Stripes are 1.8 to 3.4 pixels wide whatever the object's size, but at most a third of it.
        let stripe_sub = between(rng, 18 * SUB / 10, 34 * SUB / 10);
        let stripe = (stripe_sub * UNIT / half_width).min(UNIT * 2 / 3);
        let (cosine, sine) = TURNS[below(rng, TURNS.len())];
        Scene {
            class,
            form: Form {
                stripe,
                phase: (between(rng, 0, 2 * stripe), between(rng, 0, 2 * stripe)),
                variant: below(rng, 4) as u32,
            },
            centre,
            half_width,
            turn: (cosine, if below(rng, 2) == 0 { sine } else { -sine }),
            object,
            background,
            gradient: (std::array::from_fn(|_| between(rng, -40, 40)), below(rng, 2) == 0),
            marks: (0..between(rng, 2, 6)).map(|_| mark(rng)).collect(),
            noise: between(rng, 18, 75),
        }
    }
}

/// A whole number in `least..=most`.
fn between(rng: &mut ChaCha8Rng, least: i32, most: i32) -> i32 {
    least + below(rng, (most - least + 1) as usize) as i32
}

/// Object and background: any two colours whose channels differ by 25 to 95; which one is lighter is a coin flip.
fn colours(rng: &mut ChaCha8Rng) -> (Colour, Colour) {
    let lighter = below(rng, 2) == 0;
    let contrast: [i32; 3] = std::array::from_fn(|_| between(rng, 22, 85));
    let dark: Colour = contrast.map(|contrast| between(rng, 20, 235 - contrast));
    let light: Colour = std::array::from_fn(|channel| dark[channel] + contrast[channel]);
    if lighter { (light, dark) } else { (dark, light) }
}

fn mark(rng: &mut ChaCha8Rng) -> Mark {
    let (long, thick) = (between(rng, 2, 7), between(rng, 1, 2));
    let (width, height) = if below(rng, 2) == 0 { (long, thick) } else { (thick, long) };
    Mark {
        x: between(rng, -2, SIDE as i32 - 1),
        y: between(rng, -2, SIDE as i32 - 1),
        width,
        height,
        colour: std::array::from_fn(|_| between(rng, 0, 255)),
    }
}

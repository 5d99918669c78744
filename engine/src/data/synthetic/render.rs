//! From a scene to pixels.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::SIDE;
use super::scene::{Colour, SUB, Scene};
use super::shapes::{UNIT, covers};

/// Key of every random stream of this data set: it must not depend on a job's seed.
const SEED: u64 = 0x7377_6565_702d_3332; // "sweep-32"
/// Sub-samples per pixel and axis: edges are smoothed over four levels.
const SAMPLES: i32 = 2;

/// Draws the image of random stream `stream` and class `class` into `out`, SIDE·SIDE·3 bytes, HWC.
pub fn draw(stream: u64, class: usize, out: &mut [u8]) {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(stream);
    let scene = Scene::draw(&mut rng, class);
    let mut noise = [0; SIDE * SIDE * 3 * 2];
    rng.fill_bytes(&mut noise);
    for (at, pixel) in out.chunks_exact_mut(3).enumerate() {
        let (x, y) = ((at % SIDE) as i32, (at / SIDE) as i32);
        let colour = colour(&scene, x, y);
        for channel in 0..3 {
            // The difference of two bytes: a triangular distribution over −255…255.
            let [plus, minus] = [noise[6 * at + 2 * channel], noise[6 * at + 2 * channel + 1]];
            let deviation = (i32::from(plus) - i32::from(minus)) * scene.noise / 255;
            pixel[channel] = (colour[channel] + deviation).clamp(0, 255) as u8;
        }
    }
}

/// The noiseless colour of pixel (x, y).
fn colour(scene: &Scene, x: i32, y: i32) -> Colour {
    let mut under = background(scene, x, y);
    for mark in &scene.marks {
        if (mark.x..mark.x + mark.width).contains(&x) && (mark.y..mark.y + mark.height).contains(&y) {
            under = mark.colour;
        }
    }
    let covered = coverage(scene, x, y);
    let all = SAMPLES * SAMPLES;
    std::array::from_fn(|channel| (scene.object[channel] * covered + under[channel] * (all - covered)) / all)
}

fn background(scene: &Scene, x: i32, y: i32) -> Colour {
    let (gradient, across) = scene.gradient;
    let along = if across { x } else { y };
    std::array::from_fn(|channel| {
        scene.background[channel] + gradient[channel] * (2 * along - SIDE as i32) / SIDE as i32
    })
}

/// How many of the pixel's sub-samples the object covers.
fn coverage(scene: &Scene, x: i32, y: i32) -> i32 {
    let reach = scene.half_width * 3 / 2;
    let (dx, dy) = (x * SUB - scene.centre.0, y * SUB - scene.centre.1);
    if dx.abs() > reach || dy.abs() > reach {
        return 0;
    }
    let (cosine, sine) = scene.turn;
    let mut covered = 0;
    for sample in 0..SAMPLES * SAMPLES {
        let sx = dx + SUB * (2 * (sample % SAMPLES) + 1) / (2 * SAMPLES);
        let sy = dy + SUB * (2 * (sample / SAMPLES) + 1) / (2 * SAMPLES);
        // Turned by the angle, then scaled from 1/16 pixel to units of the object.
        let u = (sx * cosine + sy * sine) / 1024 * UNIT / scene.half_width;
        let v = (sy * cosine - sx * sine) / 1024 * UNIT / scene.half_width;
        covered += i32::from(covers(scene.class, &scene.form, u, v));
    }
    covered
}

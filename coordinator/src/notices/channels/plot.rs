//! A picture for readers that show no SVG, which is all mail programs: drawn here, with fonts that the program carries.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, fontdb::Database};

/// Screens have two dots where a page counts one.
const DOTS: f32 = 2.0;
/// In dots. A picture beyond that was not meant for a letter.
const LARGEST: f32 = 4096.0;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.load_font_data(epaint_default_fonts::HACK_REGULAR.to_vec());
    for set in [Database::set_sans_serif_family, Database::set_serif_family, Database::set_cursive_family] {
        set(&mut fonts, "Ubuntu");
    }
    fonts.set_monospace_family("Hack");
    Arc::new(fonts)
});

/// Draws an SVG document on white; gives the PNG file and its width on a page.
pub fn png(svg: &str) -> Result<(Vec<u8>, u32), String> {
    let options = Options {
        font_family: "Ubuntu".to_owned(),
        fontdb: FONTS.clone(),
        // A chart shows nothing from elsewhere, and no name in it can make it try.
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| error.to_string())?;
    let (width, height) = ((tree.size().width() * DOTS).ceil(), (tree.size().height() * DOTS).ceil());
    if width > LARGEST || height > LARGEST {
        return Err(format!("it would have {width} × {height} dots"));
    }
    let mut picture = Pixmap::new(width as u32, height as u32).ok_or("it has no size")?;
    picture.fill(resvg::tiny_skia::Color::WHITE);
    resvg::render(&tree, Transform::from_scale(DOTS, DOTS), &mut picture.as_mut());
    let file = picture.encode_png().map_err(|error| error.to_string())?;
    Ok((file, tree.size().width().ceil() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::{self, Axis, Pareto, Spot};

    /// Dots that are not white, in a picture of this inside.
    fn ink(inside: &str) -> usize {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 20" width="60" height="20">{inside}</svg>"#
        );
        let (file, width) = png(&svg).unwrap();
        assert_eq!(width, 60);
        let picture = Pixmap::decode_png(&file).unwrap();
        assert_eq!((picture.width(), picture.height()), (120, 40));
        picture.pixels().iter().filter(|dot| (dot.red(), dot.green(), dot.blue()) != (255, 255, 255)).count()
    }

    #[test]
    fn writing_is_drawn_with_the_fonts_of_the_program_whatever_the_chart_asks_for() {
        assert_eq!(ink(""), 0);
        for family in ["system-ui, sans-serif", "monospace", "Nonesuch", "serif"] {
            let family = format!(r#"<text y="15" font-family="{family}">98.1 %</text>"#);
            assert!(ink(&family) > 100, "{family}");
        }
    }

    #[test]
    fn a_pareto_front_is_drawn_in_its_colours() {
        let spot = |name: &str, x: f64, y: f64, group| Spot {
            name: name.to_owned(),
            x,
            y,
            values: String::new(),
            group,
            href: None,
        };
        let plot = Pareto {
            id: "front".to_owned(),
            title: "Size against accuracy".to_owned(),
            x: Axis::of("size_onnx_bytes"),
            y: Axis::of("accuracy"),
            spots: vec![spot("a", 1e6, 0.93, 0), spot("b", 2e5, 0.88, 1), spot("c", 3e6, 0.9, 2)],
            groups: ["Lehrer (groß)", "pruned", "int8"].map(str::to_owned).to_vec(),
        };
        let (file, width) = png(&charts::pareto(&plot)).unwrap();
        // For whoever wants to look at it.
        if let Some(folder) = std::env::var_os("SWEEP_KEEP_MAIL") {
            std::fs::write(std::path::Path::new(&folder).join("pareto.png"), &file).unwrap();
        }
        assert_eq!(width, 640);
        let picture = Pixmap::decode_png(&file).unwrap();
        let mut colours = std::collections::HashMap::<_, usize>::new();
        for dot in picture.pixels() {
            *colours.entry((dot.red(), dot.green(), dot.blue())).or_default() += 1;
        }
        // The three groups' marks, each some hundred dots, beside ground, writing and lines.
        let vivid = |&(r, g, b): &(u8, u8, u8)| r.max(g).max(b) - r.min(g).min(b) > 60;
        let marks = colours.iter().filter(|(colour, dots)| vivid(colour) && **dots > 250).count();
        assert!(marks >= 3, "{colours:?}");
    }

    #[test]
    fn nothing_is_fetched_nothing_huge_is_drawn_and_what_is_no_chart_is_told() {
        let dot = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        for href in ["/etc/hostname", "file:///etc/hostname", dot] {
            assert_eq!(ink(&format!(r#"<image href="{href}" width="60" height="20"/>"#)), 0, "{href}");
        }
        assert!(png(r#"<svg xmlns="http://www.w3.org/2000/svg" width="90000" height="1"/>"#).is_err());
        assert!(png("<html>").is_err());
    }
}

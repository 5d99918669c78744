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
    fn nothing_is_fetched_nothing_huge_is_drawn_and_what_is_no_chart_is_told() {
        let dot = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        for href in ["/etc/hostname", "file:///etc/hostname", dot] {
            assert_eq!(ink(&format!(r#"<image href="{href}" width="60" height="20"/>"#)), 0, "{href}");
        }
        assert!(png(r#"<svg xmlns="http://www.w3.org/2000/svg" width="90000" height="1"/>"#).is_err());
        assert!(png("<html>").is_err());
    }
}

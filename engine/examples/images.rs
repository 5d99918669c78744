//! The generated data set as a folder of PNG files, for machines where real images have to be read: `images FOLDER TRAIN TEST`.

use std::path::Path;
use std::process::ExitCode;

use sweep_engine::data::Split;
use sweep_engine::data::synthetic::{CLASSES, Counts, SIDE, generate};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, train, test] = arguments.as_slice() else {
        eprintln!("usage: images FOLDER TRAIN TEST");
        return ExitCode::from(2);
    };
    match write(Path::new(folder), train, test) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("images: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, train: &str, test: &str) -> Result<(), Box<dyn std::error::Error>> {
    let set = generate(Counts { train: train.parse()?, validation: 1, test: test.parse()? })?;
    for (name, split) in [("train", &set.train), ("test", &set.test)] {
        for class in CLASSES {
            std::fs::create_dir_all(folder.join(name).join(class))?;
        }
        save(&folder.join(name), split)?;
    }
    Ok(())
}

fn save(folder: &Path, split: &Split) -> image::ImageResult<()> {
    for (index, &label) in split.labels.iter().enumerate() {
        let path = folder.join(CLASSES[usize::from(label)]).join(format!("{index:05}.png"));
        let side = SIDE as u32;
        image::save_buffer(path, split.images.image(index), side, side, image::ColorType::Rgb8)?;
    }
    Ok(())
}

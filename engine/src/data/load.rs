//! From a job's `data` to a data set.

use std::path::{Path, PathBuf};

use sweep_shared::spec::{DataSource, DataSpec, expand_path};

use super::dataset::Dataset;
use super::error::DataError;
use super::watch::Watch;
use super::{cifar, folder, synthetic};

/// Loads what `spec` names. Relative paths are taken from `datasets`, the agent's data set folder, where decoded images
/// are cached too. Errors of which [`DataError::is_bad_input`] holds are the plan's or the files' fault.
pub fn load(spec: &DataSpec, datasets: &Path, watch: Watch) -> Result<Dataset, DataError> {
    if !(0.0..1.0).contains(&spec.validation) {
        return Err(DataError::Invalid(format!("`validation: {}` must lie in 0..1", spec.validation)));
    }
    let dataset = match &spec.source {
        DataSource::Synthetic(counts) => synthetic::generate(synthetic::Counts {
            train: counts.train as usize,
            validation: counts.validation as usize,
            test: counts.test as usize,
        })?,
        DataSource::Cifar10 { path } => {
            cifar::load(&resolve(path.as_deref().unwrap_or(""), datasets)?, spec.validation)?
        }
        DataSource::Folder { path, size } => {
            let size = *size as usize;
            if !(1..=4096).contains(&size) {
                return Err(DataError::Invalid(format!("`size: {size}` must lie between 1 and 4096 pixels")));
            }
            folder::load(&resolve(path, datasets)?, size, spec.validation, &datasets.join("decoded"), watch)?
        }
    };
    tracing::info!(
        data = %dataset.name, digest = %dataset.digest, classes = dataset.classes.len(),
        train = dataset.train.len(), validation = dataset.validation.len(), test = dataset.test.len(), "data loaded"
    );
    Ok(dataset)
}

/// `~` and `${NAME}` are those of this machine, as people write them in plans; no shell has expanded them.
fn resolve(path: &str, datasets: &Path) -> Result<PathBuf, DataError> {
    let variable = |name: &str| std::env::var(name).ok();
    let expanded = expand_path(path, variable).map_err(|e| DataError::Invalid(format!("data path {path:?}: {e}")))?;
    Ok(datasets.join(expanded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_the_data_set_folder() {
        assert_eq!(resolve("nette", Path::new("/data")).unwrap(), Path::new("/data/nette"));
        assert_eq!(resolve("/elsewhere/nette", Path::new("/data")).unwrap(), Path::new("/elsewhere/nette"));
        assert!(resolve("${SWEEP_NO_SUCH_VARIABLE}/x", Path::new("/data")).unwrap_err().is_bad_input());
        if let Some(home) = std::env::var_os("HOME") {
            assert_eq!(resolve("~/nette", Path::new("/data")).unwrap(), Path::new(&home).join("nette"));
        }
    }
}

//! The Python package `vonk.worker`, in the binary: every interpreter runs the one that fits the server.
//!
//! The same files are in the wheel, where `python -m vonk.worker` finds them too.

use std::io::Result;
use std::path::Path;

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../python/vonk/worker/", $name)))),*]
    };
}

const MODULES: &[(&str, &str)] = modules![
    "__init__.py",
    "__main__.py",
    "arrow.py",
    "calls.py",
    "errors.py",
    "frames.py",
    "functions.py",
    "handler.py",
    "isolate.py",
    "kinds/__init__.py",
    "kinds/aggregate.py",
    "kinds/grouped.py",
    "kinds/groups.py",
    "kinds/maps.py",
    "kinds/scalar.py",
    "kinds/source.py",
    "kinds/table.py",
    "kinds/window.py",
    "launcher.py",
    "loop.py",
    "nulls.py",
    "pickled.py",
    "profile.py",
    "rehearsal.py",
    "results.py",
    "segment.py",
    "task.py",
    "values.py",
    "wire.py",
];

/// Where the rest of a `vonk` package is looked for, when the interpreter has one.
const PACKAGE: &str = "__path__ = __import__(\"pkgutil\").extend_path(__path__, __name__)\n";

/// Names a folder with another `vonk` package, for work on the worker itself.
const OTHER: &str = "VONK_WORKER_PATH";

/// The entry of `PYTHONPATH` that has the package: `folder`, where it is written to.
pub fn provide(folder: &Path) -> Result<String> {
    if let Some(other) = std::env::var(OTHER).ok().filter(|o| !o.is_empty()) {
        return Ok(other);
    }
    write(folder)?;
    Ok(folder.to_string_lossy().into_owned())
}

fn write(folder: &Path) -> Result<()> {
    let package = folder.join("vonk");
    std::fs::create_dir_all(package.join("worker/kinds"))?;
    std::fs::write(package.join("__init__.py"), PACKAGE)?;
    MODULES.iter().try_for_each(|(name, text)| std::fs::write(package.join("worker").join(name), text))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_of_the_package_is_listed() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python/vonk/worker");
        let mut missing = vec![];
        for folder in ["", "kinds"] {
            for entry in std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                let name = name.trim_start_matches('/');
                if name.ends_with(".py") && !super::MODULES.iter().any(|(n, _)| *n == name) {
                    missing.push(name.to_string());
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new());
    }
}

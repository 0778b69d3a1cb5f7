//! Which Python runs the workers, and what its environment holds.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Variables of the server that workers see. Nothing else is passed on: what the server knows (its
/// token, keys of stores) is no business of a user's code.
const PASSED_ON: [&str; 17] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];

/// The interpreter of workers whose session asks for none: `$PYSPARK_PYTHON`, `$VONK_PYTHON`, the one beside
/// the binary (a wheel in a virtual environment), `python3`.
pub fn default() -> String {
    let named = ["PYSPARK_PYTHON", "VONK_PYTHON"].iter().find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
    named.or_else(beside_binary).unwrap_or_else(|| "python3".to_string())
}

fn beside_binary() -> Option<String> {
    let binary: PathBuf = std::env::current_exe().ok()?;
    let python = binary.parent()?.join("python3");
    python.is_file().then(|| python.to_string_lossy().into_owned())
}

/// The environment of a fork server. `modules` is the folder that has `vonk.worker`.
pub fn environment(modules: &str) -> BTreeMap<String, String> {
    let kept = std::env::vars().filter(|(name, _)| PASSED_ON.contains(&name.as_str()) || name.starts_with("LC_"));
    let mut out: BTreeMap<String, String> = kept.collect();
    let path = match std::env::var("PYTHONPATH") {
        Ok(own) if !own.is_empty() => format!("{modules}:{own}"),
        _ => modules.to_string(),
    };
    let fixed = [
        ("PYTHONPATH", path.as_str()),
        ("PYTHONHASHSEED", "0"),
        ("SPARK_PYTHON_RUNTIME", "PYTHON_WORKER"),
        // One worker a core: what a library does in parallel inside of one is too much.
        ("OMP_NUM_THREADS", "1"),
        ("OPENBLAS_NUM_THREADS", "1"),
        ("MKL_NUM_THREADS", "1"),
    ];
    out.extend(fixed.map(|(k, v)| (k.to_string(), v.to_string())));
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_stay_with_the_server() {
        let out = super::environment("/m");
        assert!(!out.keys().any(|k| k.starts_with("AWS_") || k.starts_with("SPARK_CONNECT")), "{out:?}");
        assert!(out.get("PYTHONPATH").is_some_and(|p| p.starts_with("/m")));
    }
}

//! The patterns of SHOW … LIKE and of `spark.catalog.list…`: `*` is any text, `|` separates
//! alternatives, letters match in any case, everything else stands for itself.

/// Whether `name` matches `pattern`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.trim().to_lowercase().chars().collect();
    pattern.trim().split('|').any(|one| {
        let one: Vec<char> = one.trim().to_lowercase().chars().collect();
        glob(&one, &name)
    })
}

/// Matches one alternative: on a mismatch the last `*` takes one more character.
fn glob(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p).is_some_and(|c| Some(c) == name.get(n) || *c == '.') {
            p += 1;
            n += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_alternatives_and_case() {
        assert!(matches("*", ""));
        assert!(matches("sam*", "Sample"));
        assert!(matches("a|b*", "bcd"));
        assert!(!matches("a", "ab"));
        assert!(matches("*a*b", "xaayb"));
    }
}

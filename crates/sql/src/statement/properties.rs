//! Lists of properties and options: `('a.b' = 'c', k = 1)`.

use vonk_common::SparkResult;
use vonk_plan::relation::Options;

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// `(key = value, …)`, keys as written.
    pub fn properties(&mut self) -> SparkResult<Options> {
        let pairs = self.property_list()?;
        Ok(pairs.into_iter().map(|(k, v)| (k, v.unwrap_or_default())).collect())
    }

    /// The same with keys in lower case.
    pub fn options(&mut self) -> SparkResult<Options> {
        let pairs = self.property_list()?;
        Ok(pairs.into_iter().map(|(k, v)| (k.to_lowercase(), v.unwrap_or_default())).collect())
    }

    pub fn property_list(&mut self) -> SparkResult<Vec<(String, Option<String>)>> {
        self.in_parens(|p| p.comma_list(|p| p.property()))
    }

    fn property(&mut self) -> SparkResult<(String, Option<String>)> {
        let key = self.property_key()?;
        self.eat_sym("=");
        let value = if self.ends_n(0) { None } else { Some(self.property_value()?) };
        Ok((key, value))
    }

    pub fn property_key(&mut self) -> SparkResult<String> {
        if self.kind(0) == Kind::String {
            // Not joined with the string that follows: that is the value.
            return self.one_string();
        }
        let mut key = self.strict_ident()?;
        while self.eat_sym(".") {
            key.push('.');
            key.push_str(&self.strict_ident()?);
        }
        Ok(key)
    }

    fn property_value(&mut self) -> SparkResult<String> {
        let sign = if self.eat_sym("-") { "-" } else { "" };
        match self.kind(0) {
            Kind::Number => {
                let word = self.word(0).to_string();
                self.next();
                Ok(format!("{sign}{word}"))
            }
            Kind::Word if self.at_any(&["TRUE", "FALSE"]) => {
                let word = self.word(0).to_ascii_lowercase();
                self.next();
                Ok(word)
            }
            Kind::String => self.string_constant(),
            _ => self.fail(),
        }
    }

    /// `ROW FORMAT …` of Hive, read over.
    pub fn row_format(&mut self) -> SparkResult<bool> {
        if !self.eat_all(&["ROW", "FORMAT"]) {
            return Ok(false);
        }
        if self.eat("SERDE") {
            self.string_constant()?;
            if self.eat_all(&["WITH", "SERDEPROPERTIES"]) {
                self.property_list()?;
            }
            return Ok(true);
        }
        self.expect("DELIMITED")?;
        loop {
            if self.eat_all(&["FIELDS", "TERMINATED", "BY"]) {
                self.string_constant()?;
                if self.eat_all(&["ESCAPED", "BY"]) {
                    self.string_constant()?;
                }
            } else if self.eat_all(&["COLLECTION", "ITEMS", "TERMINATED", "BY"])
                || self.eat_all(&["MAP", "KEYS", "TERMINATED", "BY"])
                || self.eat_all(&["LINES", "TERMINATED", "BY"])
                || self.eat_all(&["NULL", "DEFINED", "AS"])
            {
                self.string_constant()?;
            } else {
                return Ok(true);
            }
        }
    }
}

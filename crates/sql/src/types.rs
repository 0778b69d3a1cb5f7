//! Data types in SQL text, and the column lists of schemas.

use vonk_common::error::quote_sql;
use vonk_common::{SparkError, SparkResult};
use vonk_plan::expr::ExprKind;
use vonk_plan::literal::Literal;
use vonk_plan::types::collation::string_type;
use vonk_plan::types::{DataType, DayTimeField, StructField, StructType, UTF8_BINARY, YearMonthField};

use crate::literal::Field;
use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    pub fn data_type(&mut self) -> SparkResult<DataType> {
        self.nested(|p| p.data_type_here())
    }

    fn data_type_here(&mut self) -> SparkResult<DataType> {
        let start = self.pos;
        if self.kind(0) == Kind::QuotedName {
            let name = self.ident()?;
            let error = SparkError::new("UNSUPPORTED_DATATYPE").param("typeName", quote_sql(name.to_uppercase()));
            self.defer(self.error(error, start));
            return Ok(DataType::Null);
        }
        if self.kind(0) != Kind::Word {
            return self.fail();
        }
        let word = self.word(0).to_ascii_uppercase();
        let angle = self.sym_n(1, "<");
        match word.as_str() {
            "ARRAY" if angle => {
                self.skip(2);
                let element = self.data_type()?;
                self.expect_closing_angle()?;
                return Ok(DataType::array(element, true));
            }
            "MAP" if angle => {
                self.skip(2);
                let key = self.data_type()?;
                self.expect_sym(",")?;
                let value = self.data_type()?;
                self.expect_closing_angle()?;
                return Ok(DataType::map(key, value, true));
            }
            "STRUCT" if angle || self.sym_n(1, "<>") => {
                self.next();
                if self.eat_sym("<>") {
                    return Ok(DataType::structure([]));
                }
                self.next();
                if self.sym(">") || self.sym(">>") {
                    self.expect_closing_angle()?;
                    return Ok(DataType::structure([]));
                }
                let fields = self.comma_list(|p| p.struct_field())?;
                self.expect_closing_angle()?;
                return Ok(DataType::structure(fields));
            }
            "INTERVAL" => {
                self.next();
                return self.interval_type(start);
            }
            _ => {}
        }
        let name = match self.is_spelled_n(0) {
            true => self.ident().map(|_| self.text_since(start).to_string())?,
            false => self.ident()?,
        };
        match self.named_type(&name, &word, start) {
            Err(e) if !e.class().starts_with("PARSE_") => {
                self.defer(e);
                Ok(DataType::Null)
            }
            other => other,
        }
    }

    fn named_type(&mut self, name: &str, word: &str, start: usize) -> SparkResult<DataType> {
        let had_parens = self.sym("(");
        let numbers = self.type_parameters()?;
        let out = match (word, numbers.as_slice()) {
            ("BOOLEAN", []) => DataType::Boolean,
            ("TINYINT" | "BYTE", []) => DataType::Byte,
            ("SMALLINT" | "SHORT", []) => DataType::Short,
            ("INT" | "INTEGER", []) => DataType::Int,
            ("BIGINT" | "LONG", []) => DataType::Long,
            ("FLOAT" | "REAL", []) => DataType::Float,
            ("DOUBLE", []) => DataType::Double,
            ("DATE", []) => DataType::Date,
            ("TIMESTAMP", []) => self.timestamp_type(6),
            ("TIMESTAMP" | "TIMESTAMP_LTZ" | "TIMESTAMP_NTZ", [p]) if !(6..=9).contains(p) => {
                let ntz =
                    word == "TIMESTAMP_NTZ" || self.opts.conf.get("spark.sql.timestampType") == Some("TIMESTAMP_NTZ");
                let name = if ntz && word != "TIMESTAMP_LTZ" { "TIMESTAMP_NTZ" } else { "TIMESTAMP_LTZ" };
                let error = SparkError::new("INVALID_TIMESTAMP_PRECISION").param("precision", p).param("type", name);
                return Err(self.error(error, start));
            }
            ("TIMESTAMP" | "TIMESTAMP_LTZ" | "TIMESTAMP_NTZ", [p @ 6..=9]) => {
                if *p > 6 {
                    self.opts.conf.check_timestamp_nanos().map_err(|e| self.error(e, start))?;
                }
                match word {
                    "TIMESTAMP" => self.timestamp_type(*p as u8),
                    zone => DataType::timestamp(*p as u8, zone == "TIMESTAMP_NTZ"),
                }
            }
            ("TIMESTAMP_NTZ", []) => DataType::TimestampNtz,
            ("TIMESTAMP_LTZ", []) => DataType::Timestamp,
            ("TIME", []) => self.time_zone_suffix(DataType::Time(6)),
            ("TIME", [p]) => {
                let precision = u8::try_from(*p).ok().filter(|p| *p <= 9);
                let precision = precision.ok_or_else(|| {
                    self.error(SparkError::new("UNSUPPORTED_TIME_PRECISION").param("precision", p), start)
                })?;
                self.time_zone_suffix(DataType::Time(precision))
            }
            ("STRING", []) => self.collated()?,
            ("BINARY", []) => DataType::Binary,
            ("VARIANT", []) => DataType::Variant,
            ("VOID", []) => DataType::Null,
            ("CHAR" | "CHARACTER", [n]) => DataType::Char(u32::try_from(*n).unwrap_or_default()),
            ("VARCHAR", [n]) => DataType::VarChar(u32::try_from(*n).unwrap_or_default()),
            ("DECIMAL" | "DEC" | "NUMERIC", []) => DataType::USER_DEFAULT_DECIMAL,
            ("DECIMAL" | "DEC" | "NUMERIC", [p]) => self.decimal(*p, 0, start)?,
            ("DECIMAL" | "DEC" | "NUMERIC", [p, s]) => self.decimal(*p, *s, start)?,
            ("GEOMETRY", [srid]) => DataType::Geometry(i32::try_from(*srid).unwrap_or_default()),
            ("GEOGRAPHY", [srid]) => DataType::Geography(i32::try_from(*srid).unwrap_or_default()),
            ("GEOMETRY", []) if had_parens => DataType::Geometry(-1),
            ("GEOGRAPHY", []) if had_parens => DataType::Geography(-1),
            ("CHAR" | "CHARACTER" | "VARCHAR", []) => {
                let error = SparkError::new("DATATYPE_MISSING_SIZE").param("type", quote_sql(word));
                return Err(self.error(error, start));
            }
            ("ARRAY" | "MAP" | "STRUCT", []) => {
                return Err(self.error(SparkError::new(format!("INCOMPLETE_TYPE_DEFINITION.{word}")), start));
            }
            _ => {
                let params: Vec<_> = numbers.iter().map(i64::to_string).collect();
                let shown = if params.is_empty() { String::new() } else { format!("({})", params.join(",")) };
                let error = SparkError::new("UNSUPPORTED_DATATYPE")
                    .param("typeName", quote_sql(format!("{}{shown}", name.to_uppercase())));
                return Err(self.error(error, start));
            }
        };
        Ok(out)
    }

    /// `(10, 2)`; `(any)` of GEOMETRY counts as none.
    fn type_parameters(&mut self) -> SparkResult<Vec<i64>> {
        let symbol = |p: &Self| ["-", "?", ":"].iter().any(|s| p.sym_n(1, s));
        if !self.sym("(") || (self.kind(1) != Kind::Number && !self.at_n(1, "ANY") && !symbol(self)) {
            return Ok(vec![]);
        }
        self.in_parens(|p| if p.eat("ANY") { Ok(vec![]) } else { p.comma_list(|p| p.type_parameter()) })
    }

    /// A number, or a parameter of the statement that is one.
    fn type_parameter(&mut self) -> SparkResult<i64> {
        if !self.sym("?") && !self.sym(":") {
            return self.integer();
        }
        let start = self.pos;
        match self.parameter()?.kind {
            ExprKind::Literal(Literal::Byte(n)) => Ok(n.into()),
            ExprKind::Literal(Literal::Short(n)) => Ok(n.into()),
            ExprKind::Literal(Literal::Int(n)) => Ok(n.into()),
            ExprKind::Literal(Literal::Long(n)) => Ok(n),
            ExprKind::Parameter(parameter) => {
                let error = SparkError::new("UNBOUND_SQL_PARAMETER").param("name", parameter.name());
                Err(self.error(error, start))
            }
            _ => Err(self.syntax_error(start)),
        }
    }

    fn timestamp_type(&mut self, precision: u8) -> DataType {
        let ntz = self.eat_all(&["WITHOUT", "TIME", "ZONE"])
            || (!self.eat_all(&["WITH", "LOCAL", "TIME", "ZONE"])
                && self.opts.conf.get("spark.sql.timestampType") == Some("TIMESTAMP_NTZ"));
        DataType::timestamp(precision, ntz)
    }

    fn time_zone_suffix(&mut self, t: DataType) -> DataType {
        self.eat_all(&["WITHOUT", "TIME", "ZONE"]);
        t
    }

    fn collated(&mut self) -> SparkResult<DataType> {
        if !self.eat("COLLATE") {
            return self.collation.as_deref().map_or(Ok(DataType::STRING), string_type);
        }
        // A name that there is not is told of where the type is used.
        let name = self.multipart()?.pop().unwrap_or_default();
        Ok(string_type(&name).unwrap_or_else(|_| DataType::String(Some(name.into()))))
    }

    /// The name of a collation, in its one form.
    pub fn collation(&mut self) -> SparkResult<String> {
        let start = self.pos;
        let name = self.multipart()?.pop().unwrap_or_default();
        match string_type(&name) {
            Ok(DataType::String(Some(name))) => Ok(name.to_string()),
            Ok(_) => Ok(UTF8_BINARY.to_string()),
            Err(e) => Err(self.error(e, start)),
        }
    }

    fn decimal(&self, precision: i64, scale: i64, start: usize) -> SparkResult<DataType> {
        if scale > precision {
            let error =
                SparkError::new("DECIMAL_SCALE_EXCEEDS_PRECISION").param("scale", scale).param("precision", precision);
            return Err(self.error(error, start));
        }
        if precision > 38 {
            let error = SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
                .param("precision", precision)
                .param("maxPrecision", 38);
            return Err(self.error(error, start));
        }
        Ok(DataType::Decimal(precision as u8, scale as i8))
    }

    fn interval_type(&mut self, start: usize) -> SparkResult<DataType> {
        let unit = |p: &Self, ahead: usize| match p.word(ahead).to_ascii_uppercase().as_str() {
            u @ ("YEAR" | "MONTH" | "DAY" | "HOUR" | "MINUTE" | "SECOND") => Field::named(u),
            _ => None,
        };
        let Some(from) = unit(self, 0) else { return Ok(DataType::CalendarInterval) };
        self.next();
        let to = if self.at("TO") { unit(self, 1) } else { None };
        match (from, to) {
            (Field::YearMonth(a), None) => Ok(DataType::YearMonthInterval(a, a)),
            (Field::DayTime(a), None) => Ok(DataType::DayTimeInterval(a, a)),
            (Field::YearMonth(YearMonthField::Year), Some(Field::YearMonth(b @ YearMonthField::Month))) => {
                self.skip(2);
                Ok(DataType::YearMonthInterval(YearMonthField::Year, b))
            }
            (Field::DayTime(a), Some(Field::DayTime(b))) if b > DayTimeField::Day => {
                self.skip(2);
                if a >= b {
                    let error = SparkError::new("INVALID_INTERVAL_FORMAT.UNSUPPORTED_FROM_TO_EXPRESSION")
                        .param("input", "")
                        .param("from", a)
                        .param("to", b);
                    self.defer(self.error(error, start));
                }
                Ok(DataType::DayTimeInterval(a, b))
            }
            _ => self.fail(),
        }
    }

    /// `name[:] type [NOT NULL] [COMMENT 'text']`.
    fn struct_field(&mut self) -> SparkResult<StructField> {
        let name = self.strict_ident()?;
        self.eat_sym(":");
        self.field_of(name)
    }

    fn field_of(&mut self, name: String) -> SparkResult<StructField> {
        let data_type = self.data_type()?;
        let nullable = !self.eat_all(&["NOT", "NULL"]);
        let mut field = StructField::new(name, data_type, nullable);
        if self.eat("COMMENT") {
            let comment = self.string_constant()?;
            field.metadata = Some(serde_json::json!({ "comment": comment }).to_string().into());
        }
        Ok(field)
    }

    /// The type of a cast: characters of a bounded length are cast to strings.
    pub fn cast_type(&mut self) -> SparkResult<DataType> {
        let preserve = self.opts.conf.bool("spark.sql.preserveCharVarcharTypeInfo");
        let t = self.data_type()?;
        Ok(if preserve { t } else { unbounded(&t) })
    }

    /// A column list as in a schema string, without parentheses.
    pub fn schema(&mut self) -> SparkResult<StructType> {
        self.comma_list(|p| p.struct_field()).map(StructType::new)
    }
}

/// The type with STRING in place of CHAR and VARCHAR at every level.
fn unbounded(t: &DataType) -> DataType {
    match t {
        DataType::Char(_) | DataType::VarChar(_) => DataType::STRING,
        DataType::Array(e, n) => DataType::array(unbounded(e), *n),
        DataType::Map(k, v, n) => DataType::map(unbounded(k), unbounded(v), *n),
        DataType::Struct(s) => DataType::structure(
            s.fields.iter().map(|f| StructField { data_type: unbounded(&f.data_type), ..f.clone() }),
        ),
        other => other.clone(),
    }
}

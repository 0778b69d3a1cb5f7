//! Parameters of estimators and models: declared once per class, with the server's own defaults
//! (clients send only what the user set), checked and brought to their declared type.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vonk_common::{SparkError, SparkResult};
use vonk_plan::Literal;
use vonk_plan::types::DataType;

use crate::error::illegal_argument;
use crate::linalg::udt::{double_array, number, string_array};
use crate::linalg::{Matrix, Vector, java_double};
use crate::random::java_hash;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int,
    Long,
    Double,
    String,
    Strings,
    Ints,
    Doubles,
    DoubleLists,
    Vector,
    Matrix,
}

#[derive(Debug, Clone, Copy)]
pub enum Preset {
    None,
    Bool(bool),
    Int(i32),
    Double(f64),
    Str(&'static str),
    /// `uid__output`.
    Output,
    /// Hash of the class name.
    Seed,
}

/// Values a parameter may have.
#[derive(Debug, Clone, Copy)]
pub enum Valid {
    Any,
    /// At least.
    From(f64),
    /// More than.
    Above(f64),
    /// Both ends included.
    Within(f64, f64),
    OneOf(&'static [&'static str]),
}

#[derive(Debug)]
pub struct Param {
    pub name: &'static str,
    pub kind: Kind,
    pub preset: Preset,
    pub valid: Valid,
}

impl Param {
    const fn new(name: &'static str, kind: Kind, preset: Preset) -> Param {
        Param { name, kind, preset, valid: Valid::Any }
    }

    pub const fn bool(name: &'static str, preset: bool) -> Param {
        Param::new(name, Kind::Bool, Preset::Bool(preset))
    }

    pub const fn int(name: &'static str, preset: i32) -> Param {
        Param::new(name, Kind::Int, Preset::Int(preset))
    }

    pub const fn double(name: &'static str, preset: f64) -> Param {
        Param::new(name, Kind::Double, Preset::Double(preset))
    }

    pub const fn string(name: &'static str, preset: &'static str) -> Param {
        Param::new(name, Kind::String, Preset::Str(preset))
    }

    /// A parameter without a default.
    pub const fn unset(name: &'static str, kind: Kind) -> Param {
        Param::new(name, kind, Preset::None)
    }

    pub const fn output() -> Param {
        Param::new("outputCol", Kind::String, Preset::Output)
    }

    pub const fn seed() -> Param {
        Param::new("seed", Kind::Long, Preset::Seed)
    }

    pub const fn valid(mut self, valid: Valid) -> Param {
        self.valid = valid;
        self
    }
}

/// Parameters of one object: what the user set, over the defaults of its class.
#[derive(Debug, Clone)]
pub struct Params {
    pub uid: String,
    table: &'static [Param],
    /// Class whose name gives the default seed.
    seed_class: &'static str,
    explicit: BTreeMap<&'static str, Literal>,
}

impl Params {
    pub fn new(table: &'static [Param], seed_class: &'static str, uid: &str) -> Params {
        Params { uid: uid.to_string(), table, seed_class, explicit: BTreeMap::new() }
    }

    /// Sets what a client sent.
    pub fn with(mut self, given: &[(String, Literal)]) -> SparkResult<Params> {
        for (name, value) in given {
            let param = self
                .table
                .iter()
                .find(|p| p.name == name)
                .ok_or_else(|| illegal_argument(format!("Param {name} does not exist.")))?;
            let value = coerce(param, value).ok_or_else(|| {
                illegal_argument(format!("{} parameter {name} given a value of another type.", self.uid))
            })?;
            if !is_valid(param, &value) {
                return Err(illegal_argument(format!(
                    "{} parameter {name} given invalid value {}.",
                    self.uid,
                    show(&value)
                )));
            }
            self.explicit.insert(param.name, value);
        }
        Ok(self)
    }

    pub fn explicit(&self) -> Vec<(String, Literal)> {
        self.explicit.iter().map(|(k, v)| (k.to_string(), v.clone())).collect()
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.explicit.contains_key(name)
    }

    /// The value set, else the default.
    pub fn find(&self, name: &str) -> Option<Literal> {
        if let Some(value) = self.explicit.get(name) {
            return Some(value.clone());
        }
        let param = self.table.iter().find(|p| p.name == name)?;
        Some(match param.preset {
            Preset::None => return None,
            Preset::Bool(v) => Literal::Boolean(v),
            Preset::Int(v) => Literal::Int(v),
            Preset::Double(v) => Literal::Double(v),
            Preset::Str(v) => Literal::string(v),
            Preset::Output => Literal::string(format!("{}__output", self.uid)),
            Preset::Seed => Literal::Long(i64::from(java_hash(self.seed_class))),
        })
    }

    fn need(&self, name: &str) -> SparkResult<Literal> {
        self.find(name).ok_or_else(|| illegal_argument(format!("Failed to find a default value for {name}")))
    }

    pub fn bool(&self, name: &str) -> SparkResult<bool> {
        Ok(matches!(self.need(name)?, Literal::Boolean(true)))
    }

    pub fn long(&self, name: &str) -> SparkResult<i64> {
        match self.need(name)? {
            Literal::Int(v) => Ok(i64::from(v)),
            Literal::Long(v) => Ok(v),
            _ => Err(SparkError::internal(format!("{name} is no integer"))),
        }
    }

    /// A count, never negative.
    pub fn count(&self, name: &str) -> SparkResult<usize> {
        Ok(usize::try_from(self.long(name)?).unwrap_or(0))
    }

    pub fn double(&self, name: &str) -> SparkResult<f64> {
        number(&self.need(name)?).ok_or_else(|| SparkError::internal(format!("{name} is no number")))
    }

    pub fn string(&self, name: &str) -> SparkResult<String> {
        match self.need(name)? {
            Literal::String(s) => Ok(s.to_string()),
            _ => Err(SparkError::internal(format!("{name} is no string"))),
        }
    }

    /// A column name that may be left out or empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        match self.find(name)? {
            Literal::String(s) if !s.is_empty() => Some(s.to_string()),
            _ => None,
        }
    }

    pub fn strings(&self, name: &str) -> Option<Vec<String>> {
        strings(&self.find(name)?)
    }

    pub fn doubles(&self, name: &str) -> Option<Vec<f64>> {
        crate::linalg::udt::doubles(&self.find(name)?)
    }

    pub fn vector(&self, name: &str) -> SparkResult<Vector> {
        Vector::from_literal(&self.need(name)?)
    }

    /// Input and output columns of an operator that takes one column or several.
    pub fn in_out(&self) -> SparkResult<(Vec<String>, Vec<String>)> {
        match (self.strings("inputCols"), self.is_set("inputCol")) {
            (Some(inputs), false) => {
                let outputs = self.strings("outputCols").unwrap_or_default();
                if inputs.len() != outputs.len() {
                    return Err(illegal_argument(format!(
                        "requirement failed: {} should set the same number of inputCols and outputCols",
                        self.uid
                    )));
                }
                Ok((inputs, outputs))
            }
            (None, true) => Ok((vec![self.string("inputCol")?], vec![self.string("outputCol")?])),
            (Some(_), true) => Err(illegal_argument(format!(
                "{} requires exactly one of inputCol, inputCols Params to be set, but both are set.",
                self.uid
            ))),
            (None, false) => Err(illegal_argument(format!(
                "{} requires exactly one of inputCol, inputCols Params to be set, but none is set.",
                self.uid
            ))),
        }
    }

    /// `paramMap` and `defaultParamMap` of a saved object.
    pub fn to_json(&self) -> (Value, Value) {
        let explicit = self.explicit.iter().map(|(k, v)| (k.to_string(), json_of(v))).collect::<Map<_, _>>();
        let defaults = Params { explicit: BTreeMap::new(), ..self.clone() };
        let mut names: Vec<_> = self.table.iter().map(|p| p.name).collect();
        names.sort_unstable();
        let presets = names.into_iter().filter_map(|n| Some((n.to_string(), json_of(&defaults.find(n)?))));
        (Value::Object(explicit), Value::Object(presets.collect()))
    }

    /// Parameters of a saved object.
    pub fn with_json(self, map: &Value) -> SparkResult<Params> {
        let table = self.table;
        let given = map.as_object().into_iter().flatten().filter_map(|(k, v)| {
            let param = table.iter().find(|p| p.name == k)?;
            Some((k.clone(), from_json(param.kind, v)?))
        });
        let given: Vec<_> = given.collect();
        self.with(&given)
    }
}

pub fn strings(value: &Literal) -> Option<Vec<String>> {
    match value {
        Literal::Array(_, items) => items
            .iter()
            .map(|v| match v {
                Literal::String(s) => Some(s.to_string()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn coerce(param: &Param, value: &Literal) -> Option<Literal> {
    let integer = |v: &Literal| match v {
        Literal::Byte(v) => Some(i64::from(*v)),
        Literal::Short(v) => Some(i64::from(*v)),
        Literal::Int(v) => Some(i64::from(*v)),
        Literal::Long(v) => Some(*v),
        _ => None,
    };
    Some(match param.kind {
        Kind::Bool => Literal::Boolean(matches!(value, Literal::Boolean(v) if *v))
            .clone_if(matches!(value, Literal::Boolean(_)))?,
        Kind::Int => Literal::Int(i32::try_from(integer(value)?).ok()?),
        Kind::Long => Literal::Long(integer(value)?),
        Kind::Double => Literal::Double(number(value)?),
        Kind::String => value.clone().clone_if(matches!(value, Literal::String(_)))?,
        Kind::Strings => string_array(&strings(value)?),
        Kind::Ints => crate::linalg::udt::int_array(&crate::linalg::udt::ints(value)?),
        Kind::Doubles => double_array(&crate::linalg::udt::doubles(value)?),
        Kind::DoubleLists => match value {
            Literal::Array(_, items) => Literal::Array(
                DataType::array(DataType::Double, false),
                items
                    .iter()
                    .map(|v| crate::linalg::udt::doubles(v).map(|v| double_array(&v)))
                    .collect::<Option<_>>()?,
            ),
            _ => return None,
        },
        Kind::Vector => Vector::from_literal(value).ok()?.to_literal(),
        Kind::Matrix => Matrix::from_literal(value).ok()?.to_literal(),
    })
}

trait CloneIf: Sized {
    fn clone_if(self, yes: bool) -> Option<Self>;
}

impl CloneIf for Literal {
    fn clone_if(self, yes: bool) -> Option<Self> {
        yes.then_some(self)
    }
}

fn is_valid(param: &Param, value: &Literal) -> bool {
    let v = || number(value).unwrap_or(f64::NAN);
    match param.valid {
        Valid::Any => true,
        Valid::From(least) => v() >= least,
        Valid::Above(bound) => v() > bound,
        Valid::Within(least, most) => v() >= least && v() <= most,
        Valid::OneOf(names) => matches!(value, Literal::String(s) if names.iter().any(|n| n.eq_ignore_ascii_case(s))),
    }
}

fn show(value: &Literal) -> String {
    match (value, number(value)) {
        (Literal::Double(v), _) => java_double(*v),
        (_, Some(v)) => v.to_string(),
        (Literal::String(s), _) => s.to_string(),
        _ => json_of(value).to_string(),
    }
}

fn json_of(value: &Literal) -> Value {
    match value {
        Literal::Boolean(v) => json!(v),
        Literal::Int(v) => json!(v),
        Literal::Long(v) => json!(v),
        Literal::Double(v) if v.is_finite() => json!(v),
        Literal::Double(v) if v.is_nan() => json!("NaN"),
        Literal::Double(v) => json!(if *v > 0.0 { "Inf" } else { "-Inf" }),
        Literal::String(s) => json!(&**s),
        Literal::Array(_, items) => Value::Array(items.iter().map(json_of).collect()),
        Literal::Udt(..) => match (Vector::from_literal(value), Matrix::from_literal(value)) {
            (Ok(Vector::Dense(values)), _) => json!({"type": 1, "values": values}),
            (Ok(Vector::Sparse { size, indices, values }), _) => {
                json!({"type": 0, "size": size, "indices": indices, "values": values})
            }
            (_, Ok(m)) => json!({
                "class": "matrix", "type": 1, "numRows": m.rows, "numCols": m.cols, "values": m.values,
                "isTransposed": m.row_major,
            }),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}

fn from_json(kind: Kind, value: &Value) -> Option<Literal> {
    let double = |v: &Value| match v.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Inf" | "Infinity") => Some(f64::INFINITY),
        Some("-Inf" | "-Infinity") => Some(f64::NEG_INFINITY),
        _ => v.as_f64(),
    };
    let doubles = |v: &Value| v.as_array()?.iter().map(double).collect::<Option<Vec<_>>>();
    let ints = |v: &Value| v.as_array()?.iter().map(|i| i.as_i64().map(|i| i as i32)).collect::<Option<Vec<_>>>();
    Some(match kind {
        Kind::Bool => Literal::Boolean(value.as_bool()?),
        Kind::Int => Literal::Int(i32::try_from(value.as_i64()?).ok()?),
        Kind::Long => Literal::Long(value.as_i64()?),
        Kind::Double => Literal::Double(double(value)?),
        Kind::String => Literal::string(value.as_str()?),
        Kind::Strings => string_array(&value.as_array()?.iter().map(|v| v.as_str()).collect::<Option<Vec<_>>>()?),
        Kind::Ints => crate::linalg::udt::int_array(&ints(value)?),
        Kind::Doubles => double_array(&doubles(value)?),
        Kind::DoubleLists => Literal::Array(
            DataType::array(DataType::Double, false),
            value.as_array()?.iter().map(|v| doubles(v).map(|v| double_array(&v))).collect::<Option<_>>()?,
        ),
        Kind::Vector => match value.get("type")?.as_i64()? {
            1 => Vector::Dense(doubles(value.get("values")?)?).to_literal(),
            _ => Vector::Sparse {
                size: usize::try_from(value.get("size")?.as_u64()?).ok()?,
                indices: ints(value.get("indices")?)?,
                values: doubles(value.get("values")?)?,
            }
            .to_literal(),
        },
        Kind::Matrix => {
            let size = |key: &str| usize::try_from(value.get(key)?.as_u64()?).ok();
            let row_major = value.get("isTransposed")?.as_bool()?;
            Matrix { rows: size("numRows")?, cols: size("numCols")?, values: doubles(value.get("values")?)?, row_major }
                .to_literal()
        }
    })
}

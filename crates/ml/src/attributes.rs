//! `ml_attr`: what the metadata of a column tells of its values: whether they are numbers, categories
//! (with their names) or flags, one by one for the entries of a vector.

use std::sync::Arc;

use serde_json::{Map, Value, json};

/// What one number is.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// `numeric`, `nominal` or `binary`.
    pub kind: String,
    pub name: Option<String>,
    /// Everything else: `vals`, `num_vals`, `ord`, `min`, ….
    rest: Map<String, Value>,
}

impl Attribute {
    pub fn numeric() -> Attribute {
        Attribute { kind: "numeric".into(), name: None, rest: Map::new() }
    }

    pub fn binary() -> Attribute {
        Attribute { kind: "binary".into(), ..Attribute::numeric() }
    }

    pub fn nominal<S: AsRef<str>>(values: &[S]) -> Attribute {
        let mut out = Attribute { kind: "nominal".into(), ..Attribute::numeric() };
        out.rest.insert("vals".into(), values.iter().map(|v| Value::from(v.as_ref())).collect());
        out
    }

    /// Categories known by their number only.
    pub fn nominal_count(n: usize) -> Attribute {
        let mut out = Attribute { kind: "nominal".into(), ..Attribute::numeric() };
        out.rest.insert("num_vals".into(), n.into());
        out
    }

    pub fn with(mut self, key: &str, value: Value) -> Attribute {
        self.rest.insert(key.into(), value);
        self
    }

    pub fn named(mut self, name: impl Into<String>) -> Attribute {
        self.name = Some(name.into());
        self
    }

    /// Names of the categories.
    pub fn values(&self) -> Option<Vec<String>> {
        let values = self.rest.get("vals")?.as_array()?;
        values.iter().map(|v| v.as_str().map(str::to_string)).collect()
    }

    /// Number of categories.
    pub fn count(&self) -> Option<usize> {
        match self.kind.as_str() {
            "binary" => Some(2),
            "nominal" => match self.rest.get("vals").and_then(Value::as_array) {
                Some(values) => Some(values.len()),
                None => self.rest.get("num_vals")?.as_u64().and_then(|n| usize::try_from(n).ok()),
            },
            _ => None,
        }
    }

    /// As metadata of a column.
    pub fn metadata(&self) -> Arc<str> {
        let mut out = self.rest.clone();
        if self.kind != "numeric" {
            out.insert("type".into(), self.kind.as_str().into());
        }
        if let Some(name) = &self.name {
            out.insert("name".into(), name.as_str().into());
        }
        json!({ "ml_attr": out }).to_string().into()
    }

    fn from_object(object: &Map<String, Value>, kind: Option<&str>) -> Attribute {
        let mut rest = object.clone();
        let own = rest.shift_remove("type");
        let name = rest.shift_remove("name").and_then(|n| n.as_str().map(str::to_string));
        rest.shift_remove("idx");
        let kind = own.as_ref().and_then(Value::as_str).or(kind).unwrap_or("numeric").to_string();
        Attribute { kind, name, rest }
    }

    /// The attribute of a column of numbers.
    pub fn of(metadata: Option<&Arc<str>>) -> Option<Attribute> {
        let object = attributes(metadata)?;
        (!object.contains_key("num_attrs") && !object.contains_key("attrs"))
            .then(|| Attribute::from_object(&object, None))
    }
}

fn attributes(metadata: Option<&Arc<str>>) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut object)) = serde_json::from_str::<Value>(metadata?) else { return None };
    match object.shift_remove("ml_attr")? {
        Value::Object(o) => Some(o),
        _ => None,
    }
}

/// What the entries of a vector are.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub size: usize,
    /// None: nothing but their number is known.
    pub attributes: Option<Vec<Attribute>>,
}

impl Group {
    pub fn sized(size: usize) -> Group {
        Group { size, attributes: None }
    }

    pub fn new(attributes: Vec<Attribute>) -> Group {
        Group { size: attributes.len(), attributes: Some(attributes) }
    }

    pub fn of(metadata: Option<&Arc<str>>) -> Option<Group> {
        let object = attributes(metadata)?;
        let Some(Value::Object(kinds)) = object.get("attrs") else {
            let size = usize::try_from(object.get("num_attrs")?.as_u64()?).ok()?;
            return Some(Group::sized(size));
        };
        let mut found: Vec<(u64, Attribute)> = vec![];
        for (kind, list) in kinds {
            for object in list.as_array()?.iter().filter_map(Value::as_object) {
                found.push((object.get("idx")?.as_u64()?, Attribute::from_object(object, Some(kind))));
            }
        }
        found.sort_by_key(|(i, _)| *i);
        let complete = found.iter().enumerate().all(|(at, (i, _))| at as u64 == *i);
        complete.then(|| Group::new(found.into_iter().map(|(_, a)| a).collect()))
    }

    /// One attribute per entry; unknown ones are numbers.
    pub fn expand(self) -> Vec<Attribute> {
        self.attributes.unwrap_or_else(|| vec![Attribute::numeric(); self.size])
    }

    pub fn metadata(&self) -> Arc<str> {
        let mut out = Map::new();
        if let Some(all) = &self.attributes {
            let mut kinds = Map::new();
            for kind in ["numeric", "nominal", "binary"] {
                let list: Vec<Value> = all
                    .iter()
                    .enumerate()
                    .filter(|(_, a)| a.kind == kind)
                    .map(|(i, a)| {
                        let mut o = a.rest.clone();
                        o.insert("idx".into(), i.into());
                        if let Some(name) = &a.name {
                            o.insert("name".into(), name.as_str().into());
                        }
                        Value::Object(o)
                    })
                    .collect();
                if !list.is_empty() {
                    kinds.insert(kind.into(), Value::Array(list));
                }
            }
            out.insert("attrs".into(), Value::Object(kinds));
        }
        out.insert("num_attrs".into(), self.size.into());
        json!({ "ml_attr": out }).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_survive_the_round_trip() {
        let group = Group::new(vec![
            Attribute::numeric().named("x"),
            Attribute::nominal(&["a", "b"]).named("c"),
            Attribute::binary().named("d_1"),
        ]);
        assert_eq!(Group::of(Some(&group.metadata())), Some(group));
        assert_eq!(Group::of(Some(&Group::sized(7).metadata())), Some(Group::sized(7)));
    }

    #[test]
    fn a_single_attribute_knows_its_categories() {
        let a = Attribute::nominal(&["a", "b"]).named("c");
        assert_eq!(Attribute::of(Some(&a.metadata())).and_then(|a| a.count()), Some(2));
        assert_eq!(Group::of(Some(&a.metadata())), None);
    }
}

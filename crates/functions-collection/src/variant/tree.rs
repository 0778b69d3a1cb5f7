//! A variant taken apart, to be changed and written again.

use vonk_expr::cast::variant::build::write_scalar;
use vonk_expr::cast::variant::{Builder, Value, Variant};

use super::path::{self, Step};

/// Deepest nesting that is taken apart.
const MAX_DEPTH: usize = 1000;

#[derive(Debug, Clone)]
pub enum Tree {
    /// Written out: scalars refer to no names.
    Scalar(Vec<u8>),
    Array(Vec<Tree>),
    /// In the order of the names.
    Object(Vec<(String, Tree)>),
}

/// Why a change is impossible.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The value at this path is no object or no array, as the next step needs it.
    Mismatch(String),
    Duplicate(String),
}

/// What is done at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Put in place of what is there; with `create`, also where nothing is.
    Set { create: bool },
    /// Added to an object, or put before an array's item.
    Insert,
    /// Added behind the items of the array there.
    Append,
}

impl Tree {
    pub fn of(variant: &Variant) -> Tree {
        Tree::read(variant, 0)
    }

    fn read(variant: &Variant, depth: usize) -> Tree {
        match variant.get().filter(|_| depth < MAX_DEPTH) {
            Some(Value::Array(items)) => Tree::Array(items.map(|i| Tree::read(&i, depth + 1)).collect()),
            Some(Value::Object(fields)) => {
                Tree::Object(fields.map(|(n, f)| (n.to_string(), Tree::read(&f, depth + 1))).collect())
            }
            scalar => {
                let mut bytes = vec![];
                write_scalar(&mut bytes, &scalar.unwrap_or(Value::Null));
                Tree::Scalar(bytes)
            }
        }
    }

    fn null() -> Tree {
        Tree::Scalar(vec![0])
    }

    fn is_null(&self) -> bool {
        matches!(self, Tree::Scalar(bytes) if bytes.first() == Some(&0))
    }

    /// Value and dictionary.
    pub fn write(self) -> (Vec<u8>, Vec<u8>) {
        let mut builder = Builder::default();
        let value = self.bytes(&mut builder);
        (value, builder.metadata())
    }

    fn bytes(self, builder: &mut Builder) -> Vec<u8> {
        let mut out = vec![];
        match self {
            Tree::Scalar(bytes) => return bytes,
            Tree::Array(items) => {
                let items: Vec<_> = items.into_iter().map(|i| i.bytes(builder)).collect();
                Builder::array(&mut out, &items);
            }
            Tree::Object(fields) => {
                let fields = fields.into_iter().map(|(n, f)| (n, f.bytes(builder))).collect();
                builder.object(&mut out, fields);
            }
        }
        out
    }

    /// Makes the change at the end of `steps[at..]`.
    pub fn change(&mut self, steps: &[Step], at: usize, value: Tree, how: Change) -> Result<(), Fault> {
        let last = at + 1 >= steps.len();
        let mismatch = || Fault::Mismatch(path::text(steps.get(..at).unwrap_or_default()));
        let Some(step) = steps.get(at) else {
            // Only an append ends on the value itself.
            let Tree::Array(items) = self else { return Err(mismatch()) };
            items.push(value);
            return Ok(());
        };
        let create = matches!(how, Change::Set { create: true } | Change::Insert);
        let within = !last || how == Change::Append;
        match (step, self) {
            (Step::Field(name), Tree::Object(fields)) => match fields.binary_search_by(|(n, _)| n.as_str().cmp(name)) {
                Ok(i) => match fields.get_mut(i) {
                    Some((_, own)) if within => return own.change(steps, at + 1, value, how),
                    Some(_) if how == Change::Insert => return Err(Fault::Duplicate(name.clone())),
                    Some((_, own)) => *own = value,
                    None => {}
                },
                Err(i) if create => fields.insert(i, (name.clone(), Tree::grown(steps, at + 1, value))),
                Err(_) => {}
            },
            (Step::Item(i), Tree::Array(items)) => match items.get_mut(*i) {
                Some(own) if within => return own.change(steps, at + 1, value, how),
                Some(_) if how == Change::Insert => items.insert(*i, value),
                Some(own) => *own = value,
                None if create => {
                    items.resize_with(*i, Tree::null);
                    items.push(Tree::grown(steps, at + 1, value));
                }
                None => {}
            },
            _ => return Err(mismatch()),
        }
        Ok(())
    }

    /// The value inside new objects and arrays for the rest of the path.
    fn grown(steps: &[Step], at: usize, value: Tree) -> Tree {
        steps.iter().skip(at).rev().fold(value, |inner, step| match step {
            Step::Field(name) => Tree::Object(vec![(name.clone(), inner)]),
            Step::Item(i) => {
                let mut items: Vec<_> = std::iter::repeat_with(Tree::null).take(*i).collect();
                items.push(inner);
                Tree::Array(items)
            }
        })
    }

    /// Takes away what the path leads to, if it leads anywhere.
    pub fn delete(&mut self, steps: &[Step]) {
        let Some((step, rest)) = steps.split_first() else { return };
        match (step, self) {
            (Step::Field(name), Tree::Object(fields)) => match rest.is_empty() {
                true => fields.retain(|(n, _)| n != name),
                false => fields.iter_mut().filter(|(n, _)| n == name).for_each(|(_, f)| f.delete(rest)),
            },
            (Step::Item(i), Tree::Array(items)) if *i < items.len() => match rest.is_empty() {
                true => drop(items.remove(*i)),
                false => items.iter_mut().skip(*i).take(1).for_each(|item| item.delete(rest)),
            },
            _ => {}
        }
    }

    /// Takes away fields that are null and, if asked, items that are.
    pub fn strip_nulls(&mut self, items_too: bool) {
        match self {
            Tree::Scalar(_) => {}
            Tree::Array(items) => {
                items.retain(|i| !items_too || !i.is_null());
                items.iter_mut().for_each(|i| i.strip_nulls(items_too));
            }
            Tree::Object(fields) => {
                fields.retain(|(_, f)| !f.is_null());
                fields.iter_mut().for_each(|(_, f)| f.strip_nulls(items_too));
            }
        }
    }
}

//! VectorAssembler: columns side by side as one vector, with what is known of its entries.

use vonk_common::SparkResult;
use vonk_plan::types::DataType;

use super::assemble::Assemble;
use super::present::Present;
use crate::attributes::{Attribute, Group};
use crate::error::illegal_argument;
use crate::frame::{Columns, double};
use crate::function::call;
use crate::linalg::udt::is_vector;
use crate::operator::{Class, Role, TransformOutput, Transformer};
use crate::params::{Kind, Param, Params, Valid};

pub static CLASS: Class = Class {
    name: "org.apache.spark.ml.feature.VectorAssembler",
    params: &[
        Param::string("handleInvalid", "error").valid(Valid::OneOf(&["error", "skip", "keep"])),
        Param::unset("inputCols", Kind::Strings),
        Param::output(),
    ],
    seed_class: "",
    role: Role::Transformer(&VectorAssembler),
};

struct VectorAssembler;

impl Transformer for VectorAssembler {
    fn transform(&self, params: &Params, input: Columns<'_>) -> SparkResult<TransformOutput> {
        let names = params
            .strings("inputCols")
            .ok_or_else(|| illegal_argument("Failed to find a default value for inputCols"))?;
        let (output, handle) = (params.string("outputCol")?, params.string("handleInvalid")?);
        let columns = names.iter().map(|n| input.get(n)).collect::<SparkResult<Vec<_>>>()?;
        let wrong: Vec<_> = columns
            .iter()
            .zip(&names)
            .filter(|(c, _)| !(c.data_type.is_numeric() || c.data_type == DataType::Boolean || is_vector(&c.data_type)))
            .map(|(c, n)| format!("Data type {} of column {n} is not supported.", c.data_type))
            .collect();
        if !wrong.is_empty() {
            return Err(illegal_argument(wrong.join("\n")));
        }
        input.absent(&output)?;
        let (mut attributes, mut sizes, mut args, mut known) = (vec![], vec![], vec![], true);
        for (column, name) in columns.iter().zip(&names) {
            if is_vector(&column.data_type) {
                match Group::of(column.metadata.as_ref()) {
                    Some(group) => {
                        sizes.push(group.size as i32);
                        let named = |(i, a): (usize, Attribute)| {
                            let own = a.name.clone().unwrap_or_else(|| i.to_string());
                            a.named(format!("{name}_{own}"))
                        };
                        attributes.extend(group.expand().into_iter().enumerate().map(named));
                    }
                    None => {
                        known = false;
                        sizes.push(-1);
                    }
                }
                args.push(column.expr.clone());
            } else {
                sizes.push(1);
                let own = Attribute::of(column.metadata.as_ref()).unwrap_or_else(Attribute::numeric);
                attributes.push(own.named(name.as_str()));
                args.push(double(column));
            }
        }
        let keep = handle == "keep";
        let filter = if handle == "skip" { Some(call(Present, args.clone(), false).expr) } else { None };
        let mut expr = call(Assemble { keep, sizes }, args, true);
        if known {
            expr.metadata = Some(Group::new(attributes).metadata());
        }
        Ok(TransformOutput { columns: vec![(output, expr)], filter })
    }
}

//! `CAST(x AS BINARY)`: the bytes of a string, or (legacy only) of a number, high byte first.

use std::sync::Arc;

use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::*;
use datafusion::common::Result as DfResult;
use vonk_plan::types::DataType as Spark;

pub fn convert(array: &ArrayRef, from: &Spark) -> DfResult<ArrayRef> {
    fn bytes<T: ArrowPrimitiveType, const N: usize>(array: &ArrayRef, f: impl Fn(T::Native) -> [u8; N]) -> ArrayRef {
        let values = array.as_primitive::<T>();
        let mut out = BinaryBuilder::with_capacity(values.len(), values.len() * N);
        values.iter().for_each(|v| out.append_option(v.map(&f)));
        Arc::new(out.finish())
    }
    Ok(match from {
        Spark::String(_) | Spark::Char(_) | Spark::VarChar(_) => {
            datafusion::arrow::compute::cast(array, &DataType::Binary)?
        }
        Spark::Byte => bytes::<Int8Type, 1>(array, i8::to_be_bytes),
        Spark::Short => bytes::<Int16Type, 2>(array, i16::to_be_bytes),
        Spark::Int => bytes::<Int32Type, 4>(array, i32::to_be_bytes),
        Spark::Long => bytes::<Int64Type, 8>(array, i64::to_be_bytes),
        from => return Err(super::no_kernel(from, &Spark::Binary)),
    })
}

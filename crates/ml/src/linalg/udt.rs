//! The two user-defined types of `pyspark.ml`, and their values as literals.

use std::sync::LazyLock;

use vonk_plan::Literal;
use vonk_plan::types::{DataType, StructField, UserDefinedType};

pub const VECTOR_CLASS: &str = "org.apache.spark.ml.linalg.VectorUDT";
pub const MATRIX_CLASS: &str = "org.apache.spark.ml.linalg.MatrixUDT";

static VECTOR: LazyLock<DataType> = LazyLock::new(|| {
    udt(
        VECTOR_CLASS,
        "pyspark.ml.linalg.VectorUDT",
        [
            StructField::new("type", DataType::Byte, false),
            StructField::new("size", DataType::Int, true),
            StructField::new("indices", DataType::array(DataType::Int, false), true),
            StructField::new("values", DataType::array(DataType::Double, false), true),
        ],
    )
});

static MATRIX: LazyLock<DataType> = LazyLock::new(|| {
    udt(
        MATRIX_CLASS,
        "pyspark.ml.linalg.MatrixUDT",
        [
            StructField::new("type", DataType::Byte, false),
            StructField::new("numRows", DataType::Int, false),
            StructField::new("numCols", DataType::Int, false),
            StructField::new("colPtrs", DataType::array(DataType::Int, false), true),
            StructField::new("rowIndices", DataType::array(DataType::Int, false), true),
            StructField::new("values", DataType::array(DataType::Double, false), true),
            StructField::new("isTransposed", DataType::Boolean, false),
        ],
    )
});

fn udt<const N: usize>(jvm: &str, python: &str, fields: [StructField; N]) -> DataType {
    DataType::Udt(Box::new(UserDefinedType {
        jvm_class: Some(jvm.into()),
        python_class: Some(python.into()),
        serialized_python_class: None,
        sql_type: DataType::structure(fields),
    }))
}

pub fn vector_type() -> DataType {
    VECTOR.clone()
}

pub fn matrix_type() -> DataType {
    MATRIX.clone()
}

pub fn is_vector(t: &DataType) -> bool {
    matches!(t, DataType::Udt(u) if u.jvm_class.as_deref() == Some(VECTOR_CLASS))
}

pub(super) fn udt_literal(t: DataType, items: Vec<Literal>) -> Literal {
    let fields = match t.storage() {
        DataType::Struct(s) => s.fields.to_vec(),
        _ => vec![],
    };
    Literal::Udt(t, Box::new(Literal::Struct(fields, items)))
}

pub(super) fn struct_items(value: &Literal) -> Option<&[Literal]> {
    match value {
        Literal::Udt(_, inner) => struct_items(inner),
        Literal::Struct(_, items) => Some(items),
        _ => None,
    }
}

pub fn double_array(v: &[f64]) -> Literal {
    Literal::Array(DataType::Double, v.iter().map(|v| Literal::Double(*v)).collect())
}

pub fn int_array(v: &[i32]) -> Literal {
    Literal::Array(DataType::Int, v.iter().map(|v| Literal::Int(*v)).collect())
}

pub fn string_array<S: AsRef<str>>(v: &[S]) -> Literal {
    Literal::Array(DataType::STRING, v.iter().map(|v| Literal::string(v.as_ref())).collect())
}

pub(crate) fn doubles(value: &Literal) -> Option<Vec<f64>> {
    match value {
        Literal::Array(_, items) => items.iter().map(number).collect(),
        _ => None,
    }
}

pub(crate) fn ints(value: &Literal) -> Option<Vec<i32>> {
    match value {
        Literal::Array(_, items) => items.iter().map(|v| number(v).map(|v| v as i32)).collect(),
        _ => None,
    }
}

/// Any number as a double.
pub fn number(value: &Literal) -> Option<f64> {
    Some(match value {
        Literal::Byte(v) => f64::from(*v),
        Literal::Short(v) => f64::from(*v),
        Literal::Int(v) => f64::from(*v),
        Literal::Long(v) => *v as f64,
        Literal::Float(v) => f64::from(*v),
        Literal::Double(v) => *v,
        _ => return None,
    })
}

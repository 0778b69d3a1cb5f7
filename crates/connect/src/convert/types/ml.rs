//! The user-defined types of `pyspark.ml`.

use vonk_plan::{DataType, StructField};

/// The storage of the ML types, which clients name by class alone.
pub(super) fn storage(class: Option<&str>) -> Option<DataType> {
    let ints = || DataType::array(DataType::Int, false);
    let doubles = || StructField::new("values", DataType::array(DataType::Double, false), true);
    Some(match class? {
        "org.apache.spark.ml.linalg.VectorUDT" => DataType::structure([
            StructField::new("type", DataType::Byte, false),
            StructField::new("size", DataType::Int, true),
            StructField::new("indices", ints(), true),
            doubles(),
        ]),
        "org.apache.spark.ml.linalg.MatrixUDT" => DataType::structure([
            StructField::new("type", DataType::Byte, false),
            StructField::new("numRows", DataType::Int, false),
            StructField::new("numCols", DataType::Int, false),
            StructField::new("colPtrs", ints(), true),
            StructField::new("rowIndices", ints(), true),
            doubles(),
            StructField::new("isTransposed", DataType::Boolean, false),
        ]),
        _ => return None,
    })
}

//! CSV files: the fields of records are gathered as text, column by column, and a whole batch of them
//! is converted at once. Where records and fields end, and what a text means, is said in
//! [`crate::source::csv`] and [`crate::source::convert`].

use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray, StringBuilder};
use datafusion::common::{DataFusionError, Result};
use vonk_common::SparkResult;

use super::Split;
use super::reading::{BATCH_BYTES, Reading, Stop};
use crate::source::convert::Converter;
use crate::source::csv::{self, Dialect, Fields};
use crate::source::options::flag;
use crate::source::{lines, single_variant, variant};

impl Reading {
    pub(super) fn csv(&self, split: &Split, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let options = &self.settings.options;
        let dialect = Dialect::new(options)?;
        let header = flag(options, "header", false)?;
        let mut rows = CsvRows::new(self, split)?;
        let mut fields = Fields::default();
        if flag(options, "multiline", false)? {
            let bytes = self.whole(split)?;
            let mut first = header;
            csv::each_record(&bytes, &dialect, &mut fields, |fields, raw| {
                rows.check(fields, raw)?;
                match std::mem::take(&mut first) {
                    true => rows.on_header(fields, header)?,
                    false => rows.add(fields, raw, put)?,
                }
                Ok::<_, Stop>(true)
            })?;
        } else {
            let mut lines = self.lines(split)?;
            let mut first = header && split.start == 0;
            while let Some(line) = lines.next_line()? {
                if !dialect.is_record(line) {
                    continue;
                }
                csv::record(line, &dialect, false, &mut fields);
                rows.check(&fields, line)?;
                match std::mem::take(&mut first) {
                    true => rows.on_header(&fields, header)?,
                    false => rows.add(&fields, line, put)?,
                }
            }
        }
        rows.flush(put)
    }
}

/// Records of a CSV file on their way to a batch.
struct CsvRows<'r> {
    reading: &'r Reading,
    split: &'r Split,
    /// Projected columns of the file: number, place among a record's fields, converter, text.
    columns: Vec<(usize, usize, Converter, StringBuilder)>,
    corrupt: Option<usize>,
    raw: StringBuilder,
    keeps_raw: bool,
    /// How many fields a record has to have; none when not all are looked at.
    expected: Option<usize>,
    bad: Vec<bool>,
    /// Where records are variants.
    single: Option<Single>,
    /// How many fields each record has, where columns that are missing have values.
    lengths: Vec<usize>,
    bytes: usize,
}

/// Records on their way to a column of variants.
struct Single {
    column: usize,
    fields: variant::Fields,
    names: Option<Vec<String>>,
    kinds: Vec<variant::Kind>,
    records: Vec<Option<variant::Written>>,
}

impl Single {
    fn add(&mut self, fields: &Fields) -> Result<()> {
        let texts: Vec<_> = (0..fields.len()).map(|i| fields.get(i).map(String::from_utf8_lossy)).collect();
        let texts = texts.iter().map(Option::as_deref);
        self.records.push(Some(self.fields.record(texts, self.names.as_deref(), &mut self.kinds)?));
        Ok(())
    }
}

impl<'r> CsvRows<'r> {
    fn new(reading: &'r Reading, split: &'r Split) -> SparkResult<Self> {
        let settings = &reading.settings;
        let corrupt = reading.corrupt_column();
        let fields = &settings.data_schema.fields;
        let wanted: Vec<usize> = reading.projection.iter().copied().filter(|i| *i < fields.len()).collect();
        let mut columns = vec![];
        let mut single = None;
        for i in wanted.iter().filter(|i| Some(**i) != corrupt) {
            let Some(field) = fields.get(*i) else { continue };
            if single_variant::column(&settings.options) == Some(field.name.as_str()) {
                let fields = variant::Fields::new(&settings.options, &settings.conf)?;
                single = Some(Single { column: *i, fields, names: None, kinds: vec![], records: vec![] });
                continue;
            }
            // The column for bad records is in no record.
            let place = i - usize::from(corrupt.is_some_and(|c| c < *i));
            let converter = Converter::new(&field.data_type, &settings.options, &settings.conf)?;
            columns.push((*i, place, converter, StringBuilder::new()));
        }
        let keeps_raw = corrupt.is_some_and(|c| wanted.contains(&c));
        let all = fields.len() - usize::from(corrupt.is_some());
        let pruning = settings.conf.bool("spark.sql.csv.parser.columnPruning.enabled");
        // Records that are variants have the fields of the header, if there is one.
        let of_columns = single_variant::column(&settings.options).is_none();
        let expected = (of_columns && (columns.len() == all || keeps_raw || !pruning)).then_some(all);
        Ok(CsvRows {
            reading,
            split,
            columns,
            corrupt,
            raw: StringBuilder::new(),
            keeps_raw,
            expected,
            bad: vec![],
            single,
            lengths: vec![],
            bytes: 0,
        })
    }

    /// Error: `FAILED_READ_FILE`, where the parser gave up.
    fn check(&self, fields: &Fields, raw: &[u8]) -> SparkResult<()> {
        fields.check(raw).map_err(|e| lines::read_failed(&self.split.place, &e).caused_by(e))
    }

    /// With `enforceSchema=false` the header has to name the columns. Variants have the fields that it names.
    fn on_header(&mut self, first: &Fields, has_header: bool) -> SparkResult<()> {
        let settings = &self.reading.settings;
        if let Some(single) = &mut self.single {
            single.names = Some(csv::header(first, has_header, settings.conf.case_sensitive()));
            return Ok(());
        }
        if flag(&settings.options, "enforceschema", true)? {
            return Ok(());
        }
        let case = settings.conf.case_sensitive();
        let names = csv::header(first, has_header, case);
        let same = |a: &str, b: &str| a == b || !case && a.to_lowercase() == b.to_lowercase();
        let fields = &settings.data_schema.fields;
        let fits = names.len() == fields.len() && names.iter().zip(fields.iter()).all(|(n, f)| same(n, &f.name));
        if fits { Ok(()) } else { Err(lines::read_failed(&self.split.place, "the header does not fit the schema")) }
    }

    fn add(
        &mut self,
        fields: &Fields,
        raw: &[u8],
        put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        for (_, place, _, builder) in &mut self.columns {
            match fields.get(*place) {
                Some(bytes) => builder.append_value(String::from_utf8_lossy(bytes)),
                None => builder.append_null(),
            }
        }
        let mut expected = self.expected;
        if let Some(single) = &mut self.single {
            single.add(fields)?;
            expected = single.names.as_ref().map(Vec::len);
        }
        if self.keeps_raw {
            self.raw.append_value(String::from_utf8_lossy(raw));
        }
        if !self.reading.settings.existing.is_empty() {
            self.lengths.push(fields.len());
        }
        self.bad.push(expected.is_some_and(|n| n != fields.len()));
        self.bytes += raw.len();
        if self.bad.len() >= self.reading.batch_rows || self.bytes >= BATCH_BYTES {
            self.flush(put)?;
        }
        Ok(())
    }

    fn flush(&mut self, put: &mut dyn FnMut(RecordBatch) -> Result<(), Stop>) -> Result<(), Stop> {
        let mut bad = std::mem::take(&mut self.bad);
        self.bytes = 0;
        if bad.is_empty() {
            return Ok(());
        }
        let mut done = Vec::with_capacity(self.columns.len());
        let settings = &self.reading.settings;
        for (i, place, converter, builder) in &mut self.columns {
            let text = builder.finish();
            let mut column = converter.convert(&text)?;
            if column.null_count() > text.null_count() {
                for (row, flag) in bad.iter_mut().enumerate() {
                    *flag |= column.is_null(row) && text.is_valid(row);
                }
            }
            if let Some(field) =
                settings.data_schema.fields.get(*i).filter(|f| settings.existing.get(&f.name).is_some())
            {
                let short: Vec<bool> = self.lengths.iter().map(|n| n <= place).collect();
                column = settings.existing.filled(&field.name, column, &short)?;
            }
            done.push((*i, column));
        }
        self.lengths.clear();
        if let Some(single) = &mut self.single {
            done.push((single.column, variant::array(std::mem::take(&mut single.records).into_iter())?));
        }
        if let Some(corrupt) = self.corrupt.filter(|_| self.keeps_raw) {
            let raw = self.raw.finish();
            let raw = raw.iter().zip(&bad).map(|(line, bad)| line.filter(|_| *bad));
            done.push((corrupt, Arc::new(raw.collect::<StringArray>())));
        }
        let batch = self.reading.batch(self.split, bad.len(), |i| {
            let found = done.iter().find(|(of, _)| *of == i).map(|(_, c)| Arc::clone(c));
            found.ok_or_else(|| DataFusionError::Internal("a CSV column is missing".into()))
        })?;
        put(self.reading.judged(self.split, batch, &bad)?)
    }
}

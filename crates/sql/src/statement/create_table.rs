//! CREATE TABLE, REPLACE TABLE, CREATE TABLE … LIKE.

use vonk_common::{SparkError, SparkResult};
use vonk_plan::command::{Bucketing, Command, CreateTable, Properties};
use vonk_plan::expr::{Expr, ExprKind};

use crate::parser::Parser;
use crate::tokens::Kind;

impl Parser<'_> {
    /// What follows `CREATE … TABLE`.
    pub fn create_table(
        &mut self,
        replace: bool,
        must_exist: bool,
        temporary: bool,
        external: bool,
    ) -> SparkResult<Command> {
        let start = self.pos;
        let if_not_exists = self.if_not_exists();
        let name = self.name()?;
        if self.at("LIKE") && !replace {
            return self.create_table_like(name, if_not_exists);
        }
        let mut table = CreateTable { if_not_exists, replace, must_exist, external, ..CreateTable::named(name) };
        if self.sym("(") && !self.parens.is_query(self.pos) {
            self.in_parens(|p| p.table_elements(&mut table))?;
        }
        if self.eat("USING") {
            table.provider = Some(self.multipart()?.join("."));
        }
        while self.table_clause(&mut table)? {}
        if temporary && table.provider.is_some() && table.query.is_none() && !if_not_exists {
            // The old way to say CREATE TEMPORARY VIEW … USING.
            return self.view_of_table(table);
        }
        if self.eat("AS") || self.query_starts() {
            table.query = Some(self.query()?);
        }
        self.check_table(&table, temporary, start)?;
        Ok(Command::CreateTable(Box::new(table)))
    }

    fn view_of_table(&mut self, table: CreateTable) -> SparkResult<Command> {
        use vonk_plan::types::{StructField, StructType};
        let fields = table.columns.into_iter().map(|c| StructField::new(c.name, c.data_type, c.nullable));
        let schema = StructType::new(fields);
        Ok(Command::CreateTempViewUsing {
            name: table.name,
            replace: false,
            global: false,
            schema: (!schema.is_empty()).then_some(schema),
            provider: table.provider.unwrap_or_default(),
            options: table.options,
        })
    }

    fn table_elements(&mut self, table: &mut CreateTable) -> SparkResult<()> {
        loop {
            match self.constraint()? {
                Some(text) => table.constraints.push(text),
                None => {
                    let name = self.strict_ident()?;
                    let column = self.column_def_named(name, &mut table.constraints)?;
                    table.columns.push(column);
                }
            }
            if !self.eat_sym(",") {
                return Ok(());
            }
        }
    }

    /// One of the clauses behind the columns, in any order.
    fn table_clause(&mut self, table: &mut CreateTable) -> SparkResult<bool> {
        let start = self.pos;
        let clause = if self.eat("OPTIONS") {
            let twice = !table.options.is_empty();
            table.options = self.options()?;
            ("OPTIONS", twice)
        } else if self.at_all(&["PARTITIONED", "BY"]) {
            self.skip(2);
            let twice = !table.partitioned_by.is_empty() || !table.partition_columns.is_empty();
            self.partitioned_by(table)?;
            ("PARTITIONED BY", twice)
        } else if self.at_all(&["CLUSTERED", "BY"]) {
            self.skip(2);
            let buckets = self.bucketing()?;
            ("CLUSTERED BY", table.bucketed_by.replace(buckets).is_some())
        } else if self.at_all(&["CLUSTER", "BY"]) {
            self.skip(2);
            let twice = !table.clustered_by.is_empty();
            table.clustered_by = self.in_parens(|p| p.comma_list(|p| p.multipart()))?;
            ("CLUSTER BY", twice)
        } else if self.eat("LOCATION") {
            let twice = table.location.replace(self.string_constant()?).is_some();
            ("LOCATION", twice)
        } else if self.eat("COMMENT") {
            let twice = table.comment.replace(self.string_constant()?).is_some();
            ("COMMENT", twice)
        } else if self.eat("TBLPROPERTIES") {
            let twice = !table.properties.is_empty();
            table.properties = self.properties()?;
            ("TBLPROPERTIES", twice)
        } else if self.eat_all(&["DEFAULT", "COLLATION"]) {
            ("DEFAULT COLLATION", table.collation.replace(self.collation()?).is_some())
        } else if self.row_format()? || self.stored_as()? || self.skewed_by()? {
            table.provider.get_or_insert_with(|| "hive".to_string());
            ("ROW FORMAT", false)
        } else {
            return Ok(false);
        };
        self.refuse_duplicate(clause, start);
        Ok(true)
    }

    /// `STORED AS format`, `STORED BY 'handler'`.
    fn stored_as(&mut self) -> SparkResult<bool> {
        if self.eat_all(&["STORED", "AS"]) {
            if self.eat("INPUTFORMAT") {
                self.string_constant()?;
                self.expect("OUTPUTFORMAT")?;
                self.string_constant()?;
            } else {
                self.ident()?;
            }
            return Ok(true);
        }
        if self.eat_all(&["STORED", "BY"]) {
            self.string_constant()?;
            if self.eat_all(&["WITH", "SERDEPROPERTIES"]) {
                self.property_list()?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn skewed_by(&mut self) -> SparkResult<bool> {
        if !self.eat_all(&["SKEWED", "BY"]) {
            return Ok(false);
        }
        self.skip_parens()?;
        self.expect("ON")?;
        self.skip_parens()?;
        self.eat_all(&["STORED", "AS", "DIRECTORIES"]);
        Ok(true)
    }

    /// Names, transforms, or columns with their types.
    fn partitioned_by(&mut self, table: &mut CreateTable) -> SparkResult<()> {
        self.in_parens(|p| {
            loop {
                if p.is_name_n(0) && matches!(p.kind(1), Kind::Word | Kind::QuotedName) {
                    table.partition_columns.push(p.column_def()?);
                } else {
                    let transform = p.transform_expression()?;
                    table.partitioned_by.push(transform);
                }
                if !p.eat_sym(",") {
                    return Ok(());
                }
            }
        })
    }

    /// `a.b`, `years(ts)`, `bucket(4, id)`.
    pub fn transform_expression(&mut self) -> SparkResult<Expr> {
        let start = self.pos;
        if self.sym_n(1, "(") {
            return self.primary();
        }
        let name = self.multipart()?;
        Ok(self.make(ExprKind::Attribute { name, plan_id: None, metadata_column: false }, start))
    }

    /// Behind CLUSTERED BY: `(columns) [SORTED BY (columns)] INTO n BUCKETS`.
    fn bucketing(&mut self) -> SparkResult<Bucketing> {
        let columns = self.ident_list()?;
        let mut sort_columns = vec![];
        if self.at_all(&["SORTED", "BY"]) {
            self.skip(2);
            sort_columns = self.in_parens(|p| {
                p.comma_list(|p| {
                    let name = p.strict_ident()?;
                    p.eat("ASC");
                    Ok(name)
                })
            })?;
        }
        self.expect("INTO")?;
        let buckets = self.integer()?;
        self.expect("BUCKETS")?;
        Ok(Bucketing { columns, sort_columns, buckets })
    }

    fn check_table(&mut self, table: &CreateTable, temporary: bool, start: usize) -> SparkResult<()> {
        let invalid = |operation: &str| SparkError::new("INVALID_STATEMENT_OR_CLAUSE").param("operation", operation);
        let error = if temporary && table.if_not_exists {
            invalid("CREATE TEMPORARY TABLE ... IF NOT EXISTS")
        } else if temporary {
            let asked = if table.query.is_some() { "CREATE TEMPORARY TABLE ... AS ..." } else { "" };
            match asked {
                "" => SparkError::new("_LEGACY_ERROR_TEMP_0046"),
                _ => SparkError::new("_LEGACY_ERROR_TEMP_0035")
                    .param("message", format!("{asked}, use CREATE TEMPORARY VIEW instead")),
            }
        } else if table.replace && table.if_not_exists {
            invalid("CREATE OR REPLACE TABLE ... IF NOT EXISTS")
        } else if table.query.is_some() && !table.columns.is_empty() {
            SparkError::new("_LEGACY_ERROR_TEMP_0035")
                .param("message", "Schema may not be specified in a Create Table As Select (CTAS) statement")
        } else if table.query.is_some() && !table.partition_columns.is_empty() {
            SparkError::new("_LEGACY_ERROR_TEMP_0035")
                .param("message", "Partition column types may not be specified in Create Table As Select (CTAS)")
        } else {
            return Ok(());
        };
        self.defer(self.error(error, start));
        Ok(())
    }

    fn create_table_like(&mut self, name: Vec<String>, if_not_exists: bool) -> SparkResult<Command> {
        self.expect("LIKE")?;
        let source = self.name()?;
        let (mut provider, mut location, mut properties) = (None, None, Properties::new());
        loop {
            if self.eat("USING") {
                provider = Some(self.multipart()?.join("."));
            } else if self.eat("LOCATION") {
                location = Some(self.string_constant()?);
            } else if self.eat("TBLPROPERTIES") {
                properties = self.properties()?;
            } else if self.row_format()? || self.stored_as()? {
                provider = Some("hive".to_string());
            } else {
                return Ok(Command::CreateTableLike { name, source, if_not_exists, provider, location, properties });
            }
        }
    }
}

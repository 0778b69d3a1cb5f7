"""Programs that read and write files, for programs.py: each text under each option of its format.

    file_grids.py csv|json|write | programs.py --spark sc://127.0.0.1:15043

An option is `key=value`; `schema=…` gives a schema. What is found and mended is kept in tests/cases/files.json.
"""

import json
import sys

CSV = {
    "simple": "a,b,c\n1,x,2.5\n2,y,\n,z,3\n",
    "quoted": 'a,b,c\n"1","x,y","he said ""hi"""\n"2","line\nbreak",z\n 3 , "q" ,"a"b\n',
    "escaped": 'a,b\n"x\\"y",1\n\\"z,2\n"a\\\\",3\n"open,4\n5,6\n',
    "ragged": "a,b,c\n1\n1,2\n1,2,3\n1,2,3,4\n\n,,\n",
    "types": "i,l,d,b,dt,ts,s\n1,3000000000,1.5,true,2020-01-02,2020-01-02 03:04:05,abc\n-7,12,1e3,FALSE,2021-12-31,2021-12-31T23:59:59.123Z,\n",
    "numbers": "n,x,y,t,z\n1,1.0,NaN,2020-01-01,99999999999999999999\n2,2,Inf,2020-1-2,1\n3,-0,-Infinity,2020-01-02 10:00,2\n",
    "bad": "a,b\n1,2\nx,3\n4,y\n5.5,6\n",
    "comment": "#first\na;b\n1;2\n#c\n3;4\n;\n",
    "blank": "\n\na,b\n\n1,2\n  \n3,4\n\n",
    "crlf": 'a,b\r\n1,2\r\n3,"x\r\ny"\r\n',
    "cr": "a,b\r1,2\r3,4\r",
    "names": "a,A,a,,b\n1,2,3,4,5\n",
    "blanks": 'a , b, c\n 1 ,\t2\t, x \n"  q "," 3", \n',
    "nulls": 'a,b,c\nNULL,"NULL",\n"",NA,-\n"-",,"N/A"\n',
    "empty": "",
    "header": "a,b\n",
}
OF_CSV = """header=true; header=true,inferSchema=true;; inferSchema=true; header=true,mode=DROPMALFORMED,schema=a INT. b STRING. c DOUBLE
header=true,mode=FAILFAST,schema=a INT. b STRING; header=true,schema=a INT. b INT. _corrupt_record STRING; header=true,quote='
header=true,escape="; header=true,multiLine=true,inferSchema=true; header=true,ignoreLeadingWhiteSpace=true,ignoreTrailingWhiteSpace=true
header=true,nullValue=NULL,emptyValue=E; header=true,nullValue=-,inferSchema=true; header=true,comment=#; header=true,sep=\t,inferSchema=true
header=true,inferSchema=true,preferDate=false; header=true,inferSchema=true,dateFormat=yyyy-M-d,timestampFormat=yyyy-MM-dd HH:mm
header=true,maxColumns=2; header=true,maxCharsPerColumn=3; header=true,unescapedQuoteHandling=STOP_AT_CLOSING_QUOTE
header=true,unescapedQuoteHandling=RAISE_ERROR; header=true,unescapedQuoteHandling=SKIP_VALUE; header=true,samplingRatio=0.5,inferSchema=true
header=true,charToEscapeQuoteEscaping=#; header=true,locale=de,schema=a DOUBLE. b DECIMAL(5.2). c DATE; singleVariantColumn=v; header=true,quote="""
JSON = {
    "simple": '{"a":1,"b":"x","c":2.5}\n{"a":2,"b":null}\n{"c":3,"a":null}\n',
    "nested": '{"a":{"x":1,"y":[1,2]},"b":[{"k":1},{"k":2,"m":"z"}]}\n{"a":{"x":"s"},"b":[]}\n',
    "mixed": '{"a":1}\n{"a":"x"}\n{"a":2.5}\n{"a":true}\n{"a":[1]}\n{"a":{"b":1}}\n',
    "numbers": '{"a":1,"b":3000000000,"c":1.0,"e":99999999999999999999,"f":-0}\n{"a":2147483648,"b":1.5,"c":12345678901234567890.5}\n',
    "corrupt": '{"a":1}\n{"a":\n{"a":2}\nnot json\n\n[1,2]\n"x"\n5\nnull\n',
    "arrays": '[{"a":1},{"a":2,"b":"y"}]\n[{"a":3},5]\n[]\n[null]\n',
    "lines": '[\n {"a": 1,\n  "b": "x"},\n {"a": 2}\n]\n',
    "dates": '{"d":"2020-01-02","t":"2020-01-02T03:04:05Z","u":"2020-01-02 03:04:05"}\n{"d":"x","t":"2020-01-02","u":null}\n',
    "liberties": "/* c */{'a':1}\n{a:2}\n{\"a\":NaN}\n{\"a\":+1}\n{\"a\":01}\n{\"a\":\"x\ty\"}\n{\"a\":\"\\q\"}\n",
    "keys": '{"a":1,"a":2}\n{"A":3}\n{"a":4,"A":5}\n',
    "nulls": '{"a":null}\n{"a":null,"b":[]}\n{"b":[null]}\n{}\n',
    "strings": '{"a":"1","b":"true","c":"1.5"}\n{"a":"2","b":"x","c":""}\n',
}
OF_JSON = """; primitivesAsString=true; prefersDecimal=true; multiLine=true; mode=DROPMALFORMED; mode=FAILFAST; schema=a INT. b STRING
schema=a STRING. b STRING. c STRING; schema=a BIGINT. _corrupt_record STRING; schema=a VARIANT. b VARIANT; schema=d DATE. t TIMESTAMP. u TIMESTAMP_NTZ
allowComments=true; allowUnquotedFieldNames=true; allowSingleQuotes=false; allowNonNumericNumbers=false; allowNumericLeadingZeros=true
allowUnquotedControlChars=true; allowBackslashEscapingAnyCharacter=true; dropFieldIfAllNull=true; inferTimestamp=true; samplingRatio=0.5
singleVariantColumn=v; columnNameOfCorruptRecord=bad; schema=a STRUCT<x: INT>. b ARRAY<MAP<STRING. STRING>>"""
ROWS = {
    "plain": "SELECT 1 AS i, 'a,b' AS s, CAST(NULL AS STRING) AS n, 1.5D AS d, DATE'2020-01-02' AS dt, TIMESTAMP'2020-01-02 03:04:05.678' AS ts",
    "texts": "SELECT * FROM VALUES ('x', ' lead', ''), ('q\"uo', 'back\\\\s', NULL), ('a,b', '#c', ' ') AS t(a, b, c)",
    "numbers": "SELECT CAST('NaN' AS DOUBLE) AS a, CAST('-Infinity' AS FLOAT) AS b, 1.10BD AS c, -0.0D AS d, 1e20D AS e",
    "nested": "SELECT named_struct('x', 1, 'y', CAST(NULL AS INT)) AS s, array(1, NULL) AS a, map('k', 1) AS m, array() AS e",
    "one": "SELECT * FROM VALUES ('a'), (NULL), (''), ('x y') AS t(value)",
    "none": "SELECT id, 'x' AS s FROM range(0)",
}
OF_WRITE = """; header=true; sep=|; quoteAll=true; quote='; escape="; escapeQuotes=false; nullValue=NULL; emptyValue=EMPTY; lineSep=|
dateFormat=dd/MM/yyyy,timestampFormat=yyyy; ignoreLeadingWhiteSpace=false,ignoreTrailingWhiteSpace=false; encoding=UTF-16LE; pretty=true
ignoreNullFields=false; timeZone=Asia/Tokyo; compression=gzip; compression=nope"""


def options(words):
    return [o for line in words.split("\n") for o in map(str.strip, line.split(";"))]


def configured(start, words):
    """The reader or writer with the options; a dot stands for the comma of a schema."""
    for key, value in (o.split("=", 1) for o in words.split(",") if o):
        start += f".schema({value.replace('.', ',')!r})" if key == "schema" else f".option({key!r}, {value!r})"
    return start


def reading(kind, texts, words):
    for name, text in texts.items():
        yield f"file: {name}.{kind} {json.dumps(text)}"
        for o in options(words):
            yield f"py: {configured('spark.read', o)}.{kind}('DIR/{name}.{kind}')"


def writing():
    number = 0
    for sql in ROWS.values():
        for kind in ["csv", "json", "text", "parquet"]:
            for o in options(OF_WRITE):
                number += 1
                back = f"spark.read.{kind}" if kind == "parquet" else "spark.read.option('lineSep', '\\n').text"
                writer = configured(f"spark.sql({sql!r}).coalesce(1).write", o)
                yield f"py: ({writer}.{kind}('DIR/{number}'), {back}('DIR/{number}'))[1]"


def main():
    lines = {"csv": lambda: reading("csv", CSV, OF_CSV), "json": lambda: reading("json", JSON, OF_JSON), "write": writing}
    print("\n".join(lines[sys.argv[1]]()))


if __name__ == "__main__":
    main()

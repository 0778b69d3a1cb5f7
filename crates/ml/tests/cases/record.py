"""Records the cases of `parity.rs` from a Spark Connect server: record.py sc://host:port OUT.json."""

import json
import sys
import time

import numpy as np
from pyspark.ml import classification as cl, clustering as cu, evaluation as ev, regression as rg
from pyspark.ml.linalg import Vectors
from pyspark.sql import SparkSession

spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
rng = np.random.default_rng(3)
n=120
X = rng.normal(size=(n,4))*np.array([1.0,3.0,0.5,10.0])+np.array([0.0,2.0,-1.0,5.0])
X = np.round(X,4)
z = 1.2*X[:,0]-0.6*X[:,1]+0.8*X[:,2]+0.05*X[:,3]+1.5
y = (z+rng.logistic(size=n)>0).astype(float)
m = rng.integers(0,3,size=n).astype(float); m[:40]=np.argmax(X[:40,:3]*np.array([1,.3,2]),axis=1)
w = np.round(rng.uniform(0.5,3,size=n),3)
t = np.round(1.5*X[:,0]-0.3*X[:,1]+2*X[:,2]+0.01*X[:,3]+3+rng.normal(size=n)*.4,4)
df = spark.createDataFrame([(Vectors.dense([float(v) for v in X[i]]), float(y[i]), float(m[i]), float(w[i]), float(t[i])) for i in range(n)], ["features","y","m","w","t"]).coalesce(1)
df.persist(); df.count()
data = {"features":X.tolist(),"y":y.tolist(),"m":m.tolist(),"w":w.tolist(),"t":t.tolist()}
def run(cls, name, params, get):
    t0=time.time()
    try:
        model = cls(**params).fit(df); r = get(model)
    except Exception as e:
        r = {"error": str(e)[:300]}
    print(name, params, str(r)[:200], round(time.time()-t0,1), flush=True)
    return {"params": params, "result": r}
def lrget(mo):
    s = mo.summary
    out = {"coefficients": mo.coefficientMatrix.toArray().tolist(), "intercepts": mo.interceptVector.toArray().tolist(), "objectiveHistory": s.objectiveHistory, "totalIterations": s.totalIterations, "accuracy": s.accuracy, "weightedFMeasure": s.weightedFMeasure()}
    if mo.numClasses == 2 and hasattr(s,"areaUnderROC"): out["areaUnderROC"]=s.areaUnderROC
    return out
out = {"spark": spark.version, "data": data}

L=cl.LogisticRegression
out["logistic"] = [run(L,"lr",p,lrget) for p in [
 dict(labelCol="y"), dict(labelCol="y",regParam=0.1), dict(labelCol="y",regParam=0.05,elasticNetParam=1.0), dict(labelCol="y",regParam=0.05,elasticNetParam=0.4,weightCol="w"),
 dict(labelCol="y",fitIntercept=False), dict(labelCol="y",standardization=False,regParam=0.02), dict(labelCol="y",standardization=False,regParam=0.02,elasticNetParam=0.5), dict(labelCol="y",weightCol="w",maxIter=4),
 dict(labelCol="m"), dict(labelCol="m",regParam=0.05), dict(labelCol="m",regParam=0.02,elasticNetParam=0.7,weightCol="w"), dict(labelCol="y",family="multinomial"), dict(labelCol="m",fitIntercept=False), dict(labelCol="y", regParam=1e-3, tol=1e-8, maxIter=200)]]
def rget(mo):
    s=mo.summary
    o={"coefficients":mo.coefficients.toArray().tolist(),"intercept":mo.intercept,"objectiveHistory":s.objectiveHistory,"totalIterations":s.totalIterations,"rmse":s.rootMeanSquaredError,"r2":s.r2,"r2adj":s.r2adj,"mae":s.meanAbsoluteError,"explainedVariance":s.explainedVariance,"dof":s.degreesOfFreedom,"devianceResiduals":s.devianceResiduals, "scale":mo.scale}
    try: o["coefficientStandardErrors"]=s.coefficientStandardErrors; o["tValues"]=s.tValues; o["pValues"]=s.pValues
    except Exception as e: o["stdErrError"]=str(e)[:300]
    return o
R=rg.LinearRegression
out["linear"]=[run(R,"lin",p,rget) for p in [
 dict(labelCol="t"), dict(labelCol="t",solver="normal",regParam=0.1), dict(labelCol="t",solver="normal",regParam=0.1,elasticNetParam=0.5), dict(labelCol="t",solver="normal",weightCol="w"), dict(labelCol="t",solver="normal",fitIntercept=False),
 dict(labelCol="t",solver="normal",regParam=0.1,standardization=False),
 dict(labelCol="t",solver="l-bfgs"), dict(labelCol="t",solver="l-bfgs",regParam=0.1), dict(labelCol="t",solver="l-bfgs",regParam=0.1,elasticNetParam=0.5,weightCol="w"), dict(labelCol="t",solver="l-bfgs",regParam=0.1,elasticNetParam=1.0,standardization=False), dict(labelCol="t",solver="l-bfgs",fitIntercept=False,regParam=0.01), dict(labelCol="t",loss="huber")]]
def kget(mo):
    s=mo.summary
    return {"centers":[c.tolist() for c in mo.clusterCenters()],"sizes":s.clusterSizes,"iter":s.numIter,"cost":s.trainingCost}
K=cu.KMeans
out["kmeans"]=[run(K,"km",p,kget) for p in [dict(k=3,seed=1),dict(k=5,seed=42),dict(k=3,seed=1,weightCol="w"),dict(k=3,seed=7,distanceMeasure="cosine"),dict(k=4,seed=5,initMode="random"),dict(k=3)]]
# evaluators
mo=L(labelCol="y",regParam=0.1).fit(df); pr=mo.transform(df).persist()
E={}
for mn in ["areaUnderROC","areaUnderPR"]:
    for nb in [0,1000,7]:
        for wc in [None,"w"]:
            k=dict(labelCol="y",metricName=mn,numBins=nb); 
            if wc: k["weightCol"]=wc
            E[f"binary {json.dumps(k)}"]=ev.BinaryClassificationEvaluator(**k).evaluate(pr)
pm=L(labelCol="m",regParam=0.05).fit(df).transform(df).persist()
for mn in ["f1","accuracy","weightedPrecision","weightedRecall","weightedTruePositiveRate","weightedFalsePositiveRate","weightedFMeasure","truePositiveRateByLabel","falsePositiveRateByLabel","precisionByLabel","recallByLabel","fMeasureByLabel","logLoss","hammingLoss"]:
    for wc in [None,"w"]:
        k=dict(labelCol="m",metricName=mn,metricLabel=1.0,beta=0.5)
        if wc: k["weightCol"]=wc
        E[f"multi {json.dumps(k)}"]=ev.MulticlassClassificationEvaluator(**k).evaluate(pm)
pl=R(labelCol="t",regParam=0.1).fit(df).transform(df)
for mn in ["rmse","mse","r2","mae","var"]:
    for kk in [{}, {"weightCol":"w"}, {"throughOrigin":True}]:
        k=dict(labelCol="t",metricName=mn,**kk); E[f"regression {json.dumps(k)}"]=ev.RegressionEvaluator(**k).evaluate(pl)
pk=K(k=3,seed=1).fit(df).transform(df)
for dm in ["squaredEuclidean","cosine"]:
    for wc in [None,"w"]:
        k=dict(distanceMeasure=dm)
        if wc: k["weightCol"]=wc
        E[f"clustering {json.dumps(k)}"]=ev.ClusteringEvaluator(**k).evaluate(pk)
out["evaluators"]=E
out["evalInput"]={"binaryRaw":[r[0].toArray().tolist() for r in pr.select("rawPrediction").collect()],
 "multi":[[r[0].toArray().tolist(),r[1]] for r in pm.select("probability","prediction").collect()],
 "regression":[r[0] for r in pl.select("prediction").collect()],"cluster":[r[0] for r in pk.select("prediction").collect()]}


def svc(model):
    s = model.summary()
    return {"coefficients": model.coefficients.toArray().tolist(), "intercept": model.intercept, "objectiveHistory": s.objectiveHistory, "totalIterations": s.totalIterations, "accuracy": s.accuracy, "areaUnderROC": s.areaUnderROC}


out["svc"] = [run(cl.LinearSVC, "svc", p, svc) for p in [dict(labelCol="y"), dict(labelCol="y", regParam=0.1), dict(labelCol="y", regParam=0.05, standardization=False, weightCol="w"), dict(labelCol="y", fitIntercept=False, regParam=0.01, maxIter=10)]]
json.dump(out, open(sys.argv[2], "w"))

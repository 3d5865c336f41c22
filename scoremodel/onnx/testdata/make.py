"""Writes the small networks of the tests: python make.py, with the package onnx 1.22 or later.

Each is a formula of a few nodes, which the tests work out by hand.
"""
import onnx
from onnx import TensorProto as T, helper as h

def save(name, inputs, outputs, nodes, constants=()):
    value = lambda v: h.make_tensor_value_info(v[0], v[1], v[2])
    graph = h.make_graph([h.make_node(op, i, o, **(kw[0] if kw else {})) for op, i, o, *kw in nodes], name,
                         [value(v) for v in inputs], [value(v) for v in outputs],
                         [h.make_tensor(n, t, d, v) for n, t, d, v in constants])
    model = h.make_model(graph, producer_name="diffsolve", opset_imports=[h.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, name + ".onnx")

F, D, I, L, H = T.FLOAT, T.DOUBLE, T.INT32, T.INT64, T.FLOAT16

# eps = x + t/1000, four rows at once, the time a whole number.
save("fixed4", [("x", F, [4, 1, 2, 2]), ("t", L, [4])], [("eps", F, [4, 1, 2, 2])],
     [("Cast", ["t"], ["tf"], {"to": F}), ("Div", ["tf", "k"], ["s"]), ("Reshape", ["s", "d"], ["r"]), ("Add", ["x", "r"], ["eps"])],
     [("k", F, [], [1000.0]), ("d", L, [4], [4, 1, 1, 1])])

# eps = x t, in double precision, the time one scalar for all rows.
save("scalar", [("sample", D, ["N", 3]), ("timestep", D, [])], [("eps", D, ["N", 3])], [("Mul", ["sample", "timestep"], ["eps"])])

# eps = x + label + the sum of the row's embedding + 10 strength, and the number of embedded words is open.
save("conditions", [("x", F, ["N", 2]), ("t", I, ["N", 1]), ("label", L, ["N"]), ("words", F, ["N", "K", 2]), ("strength", F, [1])],
     [("eps", F, ["N", 2])],
     [("Cast", ["label"], ["lf"], {"to": F}), ("Reshape", ["lf", "column"], ["lc"]),
      ("ReduceSum", ["words", "axes"], ["ws"], {"keepdims": 0}), ("Reshape", ["ws", "column"], ["wc"]), ("Mul", ["strength", "ten"], ["s"]),
      ("Cast", ["t"], ["tf"], {"to": F}), ("Mul", ["tf", "zero"], ["tz"]),
      ("Add", ["x", "lc"], ["a"]), ("Add", ["a", "wc"], ["b"]), ("Add", ["b", "s"], ["c"]), ("Add", ["c", "tz"], ["eps"])],
     [("column", L, [2], [-1, 1]), ("axes", L, [2], [1, 2]), ("ten", F, [], [10.0]), ("zero", F, [], [0.0])])

# eps = x + t, all shapes open.
save("open", [("x", F, ["N", "C", "H", "W"]), ("t", F, ["N"])], [("eps", F, ["N", "C", "H", "W"])],
     [("Reshape", ["t", "d"], ["r"]), ("Add", ["x", "r"], ["eps"])], [("d", L, [4], [-1, 1, 1, 1])])

# eps is the root of -1 - x², which is no number.
save("nan", [("x", F, ["N", 2]), ("t", F, ["N"])], [("eps", F, ["N", 2])],
     [("Mul", ["x", "x"], ["q"]), ("Sub", ["m", "q"], ["s"]), ("Sqrt", ["s"], ["eps"])], [("m", F, [], [-1.0])])

# eps = x + the second row, so that a batch of one fails.
save("stubborn", [("x", F, ["N", 2]), ("t", F, ["N"])], [("eps", F, ["N", 2])],
     [("Gather", ["x", "i"], ["second"], {"axis": 0}), ("Add", ["x", "second"], ["eps"])], [("i", L, [1], [1])])

# eps = x, said to take any batch; the graph shows that it is of two rows.
save("fixedinside", [("x", F, ["N", 2]), ("t", F, ["N"])], [("eps", F, ["N", 2])],
     [("Reshape", ["x", "d"], ["y"]), ("Identity", ["y"], ["eps"])], [("d", L, [2], [2, 2])])

# Two outputs, of which the second has a variance too.
save("variance", [("x", F, ["N", 2]), ("t", F, ["N"])], [("eps", F, ["N", 2]), ("both", F, ["N", 4])],
     [("Identity", ["x"], ["eps"]), ("Concat", ["x", "x"], ["both"], {"axis": 1})])

# An output of other size than the input.
save("narrow", [("x", F, ["N", 3]), ("t", F, ["N"])], [("eps", F, ["N", 1])], [("ReduceMean", ["x"], ["eps"], {"axes": [1]})])

# The sample in half precision.
save("half", [("x", H, ["N", 2]), ("t", F, ["N"])], [("eps", H, ["N", 2])], [("Identity", ["x"], ["eps"])])

# Two inputs that could be the sample: eps = a + 2 b.
save("two", [("a", F, ["N", 2]), ("b", F, ["N", 2]), ("t", F, ["N"])], [("eps", F, ["N", 2])],
     [("Add", ["b", "b"], ["d"]), ("Add", ["a", "d"], ["eps"])])

# No batch, and a time of two numbers.
save("row", [("x", F, [4]), ("t", F, [1])], [("eps", F, [4])], [("Identity", ["x"], ["eps"])])
save("clock", [("x", F, ["N", 4]), ("t", F, ["N", 2])], [("eps", F, ["N", 4])], [("Identity", ["x"], ["eps"])])

# What is exact for data from N(0, 1/4), told the time in each of the quantities in use, in double precision.
def exact(name, nodes):
    save(name, [("x", D, ["N", 2]), ("t", D, ["N", 1])], [("y", D, ["N", 2])], nodes + [("Mul", ["x", "c"], ["y"])],
         [(n, D, [1], [v]) for n, v in [("v", 0.25), ("one", 1.0), ("two", 2.0), ("four", 4.0), ("thousand", 1000.0)]
          if any(n in i for _, i, _ in nodes)])

# The clean sample x v/(v + sigma^2), told sigma, and told log(sigma)/4.
denoiser = [("Mul", ["s", "s"], ["s2"]), ("Add", ["s2", "v"], ["q"]), ("Div", ["v", "q"], ["c"])]
exact("told_sigma", [("Identity", ["t"], ["s"])] + denoiser)
exact("told_logsigma4", [("Mul", ["t", "four"], ["l"]), ("Exp", ["l"], ["s"])] + denoiser)

# The noise x sigma/(alpha^2 v + sigma^2) where alpha^2 + sigma^2 is 1, told lambda.
exact("told_lambda", [("Mul", ["t", "two"], ["l"]), ("Sigmoid", ["l"], ["a2"]), ("Sub", ["one", "a2"], ["s2"]), ("Sqrt", ["s2"], ["s"]),
                      ("Mul", ["a2", "v"], ["p"]), ("Add", ["p", "s2"], ["q"]), ("Div", ["s", "q"], ["c"])])

# The flow x (u - (1-u) v)/((1-u)^2 v + u^2) of rectified flow at time u, told 1000 u.
exact("told_thousandths", [("Div", ["t", "thousand"], ["u"]), ("Sub", ["one", "u"], ["w"]), ("Mul", ["w", "v"], ["wv"]), ("Sub", ["u", "wv"], ["n"]),
                           ("Mul", ["wv", "w"], ["p"]), ("Mul", ["u", "u"], ["u2"]), ("Add", ["p", "u2"], ["q"]), ("Div", ["n", "q"], ["c"])])

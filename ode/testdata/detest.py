"""Writes detest.json: the states of the DETEST problems at t = 20 by scipy's DOP853. Needs scipy and numpy.

    python ode/testdata/detest.py > ode/testdata/detest.json
"""
import json
import sys

import numpy as np
import scipy
from scipy.integrate import solve_ivp

A = {
    "A1": (lambda t, y: -y, [1]),
    "A2": (lambda t, y: -y**3 / 2, [1]),
    "A3": (lambda t, y: y * np.cos(t), [1]),
    "A4": (lambda t, y: y / 4 * (1 - y / 20), [1]),
    "A5": (lambda t, y: (y - t) / (y + t), [4]),
}


def b4(t, y):
    r = np.hypot(y[0], y[1])
    return np.array([-y[1] - y[0] * y[2] / r, y[0] - y[1] * y[2] / r, y[0] / r])


B = {
    "B1": (lambda t, y: np.array([2 * (y[0] - y[0] * y[1]), -(y[1] - y[0] * y[1])]), [1, 3]),
    "B2": (lambda t, y: np.array([-y[0] + y[1], y[0] - 2 * y[1] + y[2], y[1] - y[2]]), [2, 0, 1]),
    "B3": (lambda t, y: np.array([-y[0], y[0] - y[1] ** 2, y[1] ** 2]), [1, 0, 0]),
    "B4": (b4, [3, 0, 0]),
    "B5": (lambda t, y: np.array([y[1] * y[2], -y[0] * y[2], -0.51 * y[0] * y[1]]), [0, 1, 1]),
}


def chain(rates):
    m = -np.diag(rates + [0.0]) + np.diag(rates, -1)
    return lambda t, y: m @ y


def diffusion(n):
    m = -2 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)
    return lambda t, y: m @ y


def c5(t, y):
    k2, m0 = 2.95912208286, 1.00000597682
    m = np.array([0.000954786104043, 0.000285583733151, 0.0000437273164546, 0.0000517759138449, 0.00000277777777778])
    x, v = y[:15].reshape(5, 3), y[15:]
    r3 = np.linalg.norm(x, axis=1) ** 3
    a = np.empty((5, 3))
    for j in range(5):
        a[j] = -(m0 + m[j]) * x[j] / r3[j]
        for k in range(5):
            if k != j:
                a[j] += m[k] * ((x[k] - x[j]) / np.linalg.norm(x[k] - x[j]) ** 3 - x[k] / r3[k])
    return np.concatenate([v, k2 * a.ravel()])


PLANETS = [
    3.42947415189, 3.35386959711, 1.35494901715, 6.64145542550, 5.97156957878, 2.18231499728, 11.2630437207, 14.6952576794, 6.27960525067,
    -30.1552268759, 1.65699966404, 1.43785752721, -21.1238353380, 28.4465098142, 15.3882659679,
    -0.557160570446, 0.505696783289, 0.230578543901, -0.415570776342, 0.365682722812, 0.169143213293, -0.325325669158, 0.189706021964,
    0.0877265322780, -0.0240476254170, -0.287659532608, -0.117219543175, -0.176860753121, -0.216393453025, -0.0148647893090,
]
C = {
    "C1": (chain([1.0] * 9), [1] + [0] * 9),
    "C2": (chain([float(i) for i in range(1, 10)]), [1] + [0] * 9),
    "C3": (diffusion(10), [1] + [0] * 9),
    "C4": (diffusion(51), [1] + [0] * 50),
    "C5": (c5, PLANETS),
}


def orbit(t, y):
    r3 = np.hypot(y[0], y[1]) ** 3
    return np.array([y[2], y[3], -y[0] / r3, -y[1] / r3])


D = {f"D{i + 1}": (orbit, [1 - e, 0, 0, np.sqrt((1 + e) / (1 - e))]) for i, e in enumerate([0.1, 0.3, 0.5, 0.7, 0.9])}
E = {
    "E1": (lambda t, y: np.array([y[1], -(y[1] / (t + 1) + (1 - 0.25 / (t + 1) ** 2) * y[0])]),
           [np.sqrt(2 / np.pi) * np.sin(1), np.sqrt(2 / np.pi) * (np.cos(1) - np.sin(1) / 2)]),
    "E2": (lambda t, y: np.array([y[1], (1 - y[0] ** 2) * y[1] - y[0]]), [2, 0]),
    "E3": (lambda t, y: np.array([y[1], y[0] ** 3 / 6 - y[0] + 2 * np.sin(2.78535 * t)]), [0, 0]),
    "E4": (lambda t, y: np.array([y[1], 0.032 - 0.4 * y[1] ** 2]), [30, 0]),
    "E5": (lambda t, y: np.array([y[1], np.sqrt(1 + y[1] ** 2) / (25 - t)]), [0, 0]),
}

states = {}
for name, (f, y0) in {**A, **B, **C, **D, **E}.items():
    s = solve_ivp(f, (0, 20), np.array(y0, dtype=float), method="DOP853", rtol=3e-14, atol=1e-16)
    assert s.success, name
    states[name] = list(s.y[:, -1])
json.dump({"source": f"scipy.integrate.solve_ivp, method DOP853, rtol 3e-14, atol 1e-16; scipy {scipy.__version__}, numpy {np.__version__}",
           "command": "python ode/testdata/detest.py > ode/testdata/detest.json", "states": states}, sys.stdout, indent=1)
print()

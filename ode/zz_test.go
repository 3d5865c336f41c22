package ode_test
import ("testing";"math";"context";"github.com/diffsolve/diffsolve/ode")
func TestZZ(t *testing.T){
 for _,p:=range []problem{relax(0,2),relax(2,0),problems[1].backward(),problems[0],problems[2]} {
 for _,tab:=range []ode.Tableau{ode.BS3,ode.DP5}{
  var r []float64; var n,rej []int; var tw []float64
  for k:=4;k<=12;k++{ tol:=math.Pow(10,-float64(k))
  worst,x:=0.0,p.exact(p.t0); tworst:=0.0
  st,_:=ode.Control{Rel:tol,Abs:tol}.Adapt(context.Background(), tab.Stepper(p.f,len(x)).(ode.Estimator),x,p.t0,p.t1,func(at ode.Span,x []float64)error{ if d:=distance(x,p.exact(at.To)); d>worst{worst=d;tworst=at.To}; return nil})
  r=append(r,worst/tol); n=append(n,st.Steps);rej=append(rej,st.Rejected); tw=append(tw,tworst)
 }
 t.Logf("%s %s %.2g %v %v %.3g",p.name,tab.Name,r,n,rej,tw)
 }}
}

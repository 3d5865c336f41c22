package report

// landmarks are solvers that the literature measures others by. Charts name them and pictures of samples show them, however many others there are.
var landmarks = []string{
	"euler", "heun", "rk4", "dp5", "heunkappa", "ddim", "dpm2", "dpm++2s", "dpm3", "dpm++2m", "dpm++3m", "deis", "unipc",
	"eulermaruyama", "ddpm", "sra1", "edmchurn", "sdedpm++2m",
}

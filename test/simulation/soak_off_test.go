//go:build !soak

package simulation_test

const defaultSeeds = 2000

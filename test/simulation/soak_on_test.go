//go:build soak

package simulation_test

const defaultSeeds = 100_000

package budget_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/carteiro/carteiro"
	"github.com/carteiro/carteiro/internal/budget"
)

var one, two, three = carteiro.ID{1}, carteiro.ID{2}, carteiro.ID{3}

func TestAnEnvironmentUsesItsShareAndAllTheBudget(t *testing.T) {
	b := budget.New(100)
	first, second, third := b.Open(one), b.Open(two), b.Open(three)
	other := b.Open(one)
	for _, step := range []struct {
		account *budget.Account
		n       int64
		want    error
		used    int64
	}{
		{&first, 40, nil, 40},
		{&other, 11, budget.ErrShare, 40}, // two requests of an environment share
		{&other, 10, nil, 50},
		{&second, 50, nil, 100},
		{&third, 1, budget.ErrFull, 100},
		{&third, 0, nil, 100},
	} {
		if err := step.account.Grow(step.n); !errors.Is(err, step.want) || b.Used() != step.used {
			t.Errorf("grow by %d: %v, %d used; want %v, %d", step.n, err, b.Used(), step.want, step.used)
		}
	}
	second.Shrink(20)
	if err := third.Grow(20); err != nil || b.Used() != 100 {
		t.Errorf("%v, %d used", err, b.Used())
	}
	for _, a := range []*budget.Account{&first, &second, &third, &other, &first} {
		a.Close()
	}
	if b.Used() != 0 {
		t.Errorf("%d used after all is closed", b.Used())
	}
}

func TestTheLargestRequestIsPossibleAlone(t *testing.T) {
	b := budget.New(100)
	a := b.Open(one)
	if err := a.Grow(1000); err != nil || b.Used() != 50 {
		t.Errorf("%v, %d used", err, b.Used())
	}
	if err := a.Grow(1000); err != nil || b.Used() != 50 {
		t.Errorf("grown again: %v, %d used", err, b.Used())
	}
	beside := b.Open(one)
	if err := beside.Grow(1); !errors.Is(err, budget.ErrShare) {
		t.Error(err)
	}
	a.Close()
	if b.Used() != 0 {
		t.Errorf("%d used", b.Used())
	}
}

func TestWaitingEndsWhenMemoryIsReleasedOrTheCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(100)
		holder, waiter := b.Open(one), b.Open(one)
		if err := holder.Grow(50); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- waiter.Wait(t.Context(), 30) }()
		synctest.Wait()
		holder.Shrink(10)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("it does not wait: %v", err)
		default:
		}
		holder.Close()
		if err := <-done; err != nil || b.Used() != 30 {
			t.Errorf("%v, %d used", err, b.Used())
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- holder.Wait(ctx, 30) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || b.Used() != 30 {
			t.Errorf("%v, %d used", err, b.Used())
		}
	})
}

func TestWithoutABudgetNothingIsRefused(t *testing.T) {
	var none *budget.Budget
	a := none.Open(one)
	if err := errors.Join(a.Grow(1<<40), a.Wait(t.Context(), 1<<40)); err != nil {
		t.Error(err)
	}
	a.Close()
}

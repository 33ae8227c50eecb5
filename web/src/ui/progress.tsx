/** How far something is. What was found on the way may make the whole larger than it was thought to be. */
export function Progress({ label, value, max }: { label: string; value: number; max: number }) {
  const whole = Math.max(max, value, 1)
  return (
    <span
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={whole}
      aria-valuenow={value}
      className="block h-2 overflow-hidden rounded-full bg-sunken"
    >
      <span
        className="block h-full rounded-full bg-accent transition-[width] duration-500 motion-reduce:transition-none"
        style={{ width: `${(value / whole) * 100}%` }}
      />
    </span>
  )
}

import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react'
import { useTranslation } from '../i18n'

interface Labelled {
  label: ReactNode
  hint?: ReactNode
  /** What the server, or the page before it, found wrong with the value. */
  errors?: string[] | undefined
  className?: string
}

/** What ties a control to its label, its hint and its errors. */
interface Ties {
  id: string
  'aria-invalid': true | undefined
  'aria-describedby': string | undefined
}

function Field({ label, hint, errors, className = '', children }: Labelled & { children: (ties: Ties) => ReactNode }) {
  const id = useId()
  const { server } = useTranslation()
  const invalid = errors !== undefined && errors.length > 0
  const described = [hint && `${id}-hint`, invalid && `${id}-errors`].filter(Boolean).join(' ')
  return (
    <div className={`grid content-start gap-1 ${className}`}>
      <label htmlFor={id} className="font-medium text-sm">
        {label}
      </label>
      {children({ id, 'aria-invalid': invalid || undefined, 'aria-describedby': described || undefined })}
      {hint && (
        <p id={`${id}-hint`} className="text-muted text-xs">
          {hint}
        </p>
      )}
      {invalid && <Faults id={`${id}-errors`} errors={errors.map(server)} />}
    </div>
  )
}

export function Faults({ id, errors }: { id?: string; errors: string[] }) {
  return (
    <ul id={id} className="text-bad text-xs">
      {errors.map((error) => (
        <li key={error}>{error}</li>
      ))}
    </ul>
  )
}

export function TextField({
  label,
  hint,
  errors,
  className,
  ...input
}: Labelled & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Field {...{ label, hint, errors, ...(className && { className }) }}>
      {(ties) => <input type="text" autoComplete="off" {...input} {...ties} className="control w-full" />}
    </Field>
  )
}

export function SelectField({
  label,
  hint,
  errors,
  className,
  ...select
}: Labelled & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Field {...{ label, hint, errors, ...(className && { className }) }}>
      {(ties) => <select {...select} {...ties} className="control w-full" />}
    </Field>
  )
}

export function TextAreaField({
  label,
  hint,
  errors,
  className,
  ...area
}: Labelled & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Field {...{ label, hint, errors, ...(className && { className }) }}>
      {(ties) => <textarea spellCheck={false} {...area} {...ties} className="control w-full font-mono text-sm" />}
    </Field>
  )
}

export function CheckField({
  label,
  hint,
  ...input
}: { label: ReactNode; hint?: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  return (
    <div className="flex items-start gap-2.5">
      <input
        type="checkbox"
        {...input}
        id={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className="mt-0.5 size-4 shrink-0 accent-accent"
      />
      <div>
        <label htmlFor={id}>{label}</label>
        {hint && (
          <p id={`${id}-hint`} className="text-muted text-xs">
            {hint}
          </p>
        )}
      </div>
    </div>
  )
}

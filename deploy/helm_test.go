package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v4"
)

const chart = "helm/carteiro"

// chartFunctions are those of Helm's that the chart uses, as its documentation has them. Helm itself would bring five hundred
// packages for the sake of this test; a template that uses another function fails here, and it is added.
func chartFunctions(t *template.Template) template.FuncMap {
	return template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var b strings.Builder
			err := t.ExecuteTemplate(&b, name, data)
			return b.String(), err
		},
		"toYaml": func(value any) (string, error) {
			text, err := yaml.Marshal(value)
			return strings.TrimSuffix(string(text), "\n"), err
		},
		"nindent": func(n int, text string) string {
			pad := "\n" + strings.Repeat(" ", n)
			return pad + strings.ReplaceAll(text, "\n", pad)
		},
		"default": func(instead, value any) any {
			if truth, _ := template.IsTrue(value); truth {
				return value
			}
			return instead
		},
		"trunc":      func(n int, text string) string { return text[:min(n, len(text))] },
		"trimSuffix": func(suffix, text string) string { return strings.TrimSuffix(text, suffix) },
		"contains":   func(part, text string) bool { return strings.Contains(text, part) },
		"quote":      func(value any) string { return fmt.Sprintf("%q", fmt.Sprint(value)) },
		"has":        func(one any, list []any) bool { return slices.Contains(list, one) },
		"list":       func(values ...any) []any { return values },
		"int":        func(value any) (n int, err error) { _, err = fmt.Sscan(fmt.Sprint(value), &n); return n, err },
		"fail":       func(why string) (string, error) { return "", errors.New(why) },
	}
}

// readYAML reads a file of the chart.
func readYAML(t *testing.T, name string) (values map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart, name))
	if err == nil {
		err = yaml.Unmarshal(text, &values)
	}
	if err != nil {
		t.Fatal(name, ": ", err)
	}
	return values
}

// merge lays values over others, as --set does.
func merge(under, over map[string]any) {
	for name, value := range over {
		inner, ok := value.(map[string]any)
		below, is := under[name].(map[string]any)
		if ok && is {
			merge(below, inner)
			continue
		}
		under[name] = value
	}
}

type set = map[string]any

// render gives the objects that the chart makes of values, by kind.
func render(t *testing.T, over set) (objects map[string]set, err error) {
	t.Helper()
	values := readYAML(t, "values.yaml")
	merge(values, over)
	about := readYAML(t, "Chart.yaml")
	data := set{
		"Values": values, "Release": set{"Name": "front", "Service": "Helm", "Namespace": "default"},
		"Chart": set{"Name": about["name"], "AppVersion": about["appVersion"], "Version": about["version"]},
	}
	all := template.New("chart").Option("missingkey=error") // a value that values.yaml does not have is a slip
	all.Funcs(chartFunctions(all))
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	if err != nil || len(files) < 4 {
		t.Fatalf("templates %v: %v", files, err)
	}
	if _, err := all.ParseFiles(files...); err != nil {
		t.Fatal(err)
	}
	objects = make(map[string]set)
	for _, file := range files {
		var text bytes.Buffer
		if err := all.ExecuteTemplate(&text, filepath.Base(file), data); err != nil {
			return nil, err
		}
		for decoder := yaml.NewDecoder(bytes.NewReader(text.Bytes())); ; {
			var object set
			err := decoder.Decode(&object)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s makes what is no YAML: %v\n%s", file, err, &text)
			}
			if kind, is := object["kind"].(string); is {
				objects[kind] = object
			} else if object != nil {
				t.Errorf("%s makes an object without a kind:\n%s", file, &text)
			}
		}
	}
	return objects, nil
}

// at gives what stands at a path of an object.
func at(object any, path ...string) any {
	for _, name := range path {
		inner, _ := object.(set)
		object = inner[name]
	}
	return object
}

func TestTheChartMakesWhatItsValuesSay(t *testing.T) {
	postgres := set{"kind": "postgres", "existingSecret": "database"}
	for name, c := range map[string]struct {
		values set
		kinds  string
	}{
		"sqlite":     {nil, "Service StatefulSet"},
		"postgres":   {set{"database": postgres}, "Deployment Service"},
		"many nodes": {set{"database": postgres, "replicas": 3}, "Deployment PodDisruptionBudget Service"},
		"watched and elsewhere": {set{
			"serviceMonitor": set{"enabled": true}, "podAnnotations": set{"a": "b"}, "nodeSelector": set{"disk": "fast"},
			"tolerations": []any{set{"key": "x", "operator": "Exists"}}, "affinity": set{"nodeAffinity": set{}},
			"envFrom": []any{set{"secretRef": set{"name": "more"}}}, "persistence": set{"storageClassName": "fast"}, "image": set{"tag": "1.2.3"},
		}, "Service ServiceMonitor StatefulSet"},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := render(t, c.values)
			if err != nil {
				t.Fatal(err)
			}
			if kinds := strings.Join(slices.Sorted(maps.Keys(objects)), " "); kinds != c.kinds {
				t.Fatalf("it makes %s, want %s", kinds, c.kinds)
			}
			work := objects["Deployment"]
			if work == nil {
				work = objects["StatefulSet"]
			}
			pod := at(work, "spec", "template", "metadata", "labels")
			for _, selector := range []any{at(work, "spec", "selector", "matchLabels"), at(objects["Service"], "spec", "selector")} {
				for label, value := range selector.(set) {
					if at(pod, label) != value {
						t.Errorf("the selector %s: %v does not find the pod, which has %v", label, value, pod)
					}
				}
			}
			containers, _ := at(work, "spec", "template", "spec", "containers").([]any)
			if len(containers) != 1 || at(containers[0], "securityContext", "readOnlyRootFilesystem") != true {
				t.Errorf("the pod runs %v", containers)
			}
		})
	}
}

func TestTheChartRefusesWhatCannotWork(t *testing.T) {
	for why, values := range map[string]set{
		"must be sqlite or postgres":   {"database": set{"kind": "mysql"}},
		"SQLite takes one server":      {"replicas": 2},
		"existingSecret must name the": {"database": set{"kind": "postgres"}},
	} {
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v gives %v, want %q", values, err, why)
		}
	}
}

// Istio's own host matching and validation, and the Kubernetes libraries by which net-istio reads its configuration, for tests
// that compare ours with them.
//
// Reads one question a line, {"what": ..., "texts": [...]}, and writes one answer a line.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"

	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/host"
	istio "istio.io/istio/pkg/config/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

type question struct {
	What  string   `json:"what"`
	Texts []string `json:"texts"`
}

type answer struct {
	Error string `json:"error,omitempty"`
	Value any    `json:"value,omitempty"`
}

// gateway is an entry of config-istio, with the tags of net-istio's pkg/reconciler/ingress/config.
type gateway struct {
	Namespace     string                `json:"namespace"`
	Name          string                `json:"name"`
	Service       string                `json:"service"`
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	answers := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(answers)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			log.Fatalf("no question: %v", err)
		}
		told := answer{}
		if told.Value, err = ask(asked.What, asked.Texts); err != nil {
			told = answer{Error: err.Error()}
		}
		if err := encoder.Encode(told); err != nil {
			log.Fatal(err)
		}
		if err := answers.Flush(); err != nil {
			log.Fatal(err)
		}
	}
}

func ask(what string, texts []string) (any, error) {
	switch what {
	case "json":
		// Whether it is JSON, and what it says with numbers as they are written.
		var raw json.RawMessage
		if err := json.Unmarshal([]byte(texts[0]), &raw); err != nil {
			return nil, err
		}
		return exact(raw)
	case "yaml":
		converted, err := yaml.YAMLToJSON([]byte(texts[0]))
		if err != nil {
			return nil, err
		}
		return exact(converted)
	case "gateways":
		return gateways(texts[0], texts[1])
	case "host":
		return map[string]bool{
			"matches": host.Name(texts[0]).Matches(host.Name(texts[1])),
			"subset":  host.Name(texts[1]).SubsetOf(host.Name(texts[0])),
		}, nil
	case "hosts for namespace":
		names := host.NamesForNamespace(texts[:1], texts[1])
		return len(names) > 0 && names[0].Matches(host.Name(texts[2])), nil
	case "gateway name":
		_, err := istio.ValidateVirtualService(virtualService(texts[0], "a.b.c"))
		return err == nil, nil
	case "destination":
		_, err := istio.ValidateVirtualService(virtualService("a/b", texts[0]))
		return err == nil, nil
	case "names":
		return map[string]bool{
			"label":     len(validation.IsDNS1123Label(texts[0])) == 0,
			"subdomain": len(validation.IsDNS1123Subdomain(texts[0])) == 0,
			"key":       len(validation.IsQualifiedName(texts[0])) == 0,
			"value":     len(validation.IsValidLabelValue(texts[0])) == 0,
		}, nil
	}
	log.Fatalf("nobody knows %q", what)
	return nil, nil
}

func exact(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	// A null is an answer too.
	return map[string]any{"is": tagged(value)}, err
}

// tagged writes the type of every scalar beside it, so that nobody rounds a number on the way.
func tagged(value any) any {
	switch value := value.(type) {
	case json.Number:
		return "number " + value.String()
	case string:
		return "string " + value
	case []any:
		for index := range value {
			value[index] = tagged(value[index])
		}
	case map[string]any:
		for key := range value {
			value[key] = tagged(value[key])
		}
	}
	return value
}

// gateways reads a list as net-istio does, and tells what the libraries that it then asks say of each entry.
func gateways(text, labelled string) (any, error) {
	list := []gateway{}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	var set map[string]string
	if err := json.Unmarshal([]byte(labelled), &set); err != nil {
		return nil, err
	}
	told := []map[string]any{}
	for _, entry := range list {
		about := map[string]any{
			"namespace": entry.Namespace, "name": entry.Name, "service": entry.Service, "selects": entry.LabelSelector != nil,
		}
		if entry.LabelSelector != nil {
			selector, err := metav1.LabelSelectorAsSelector(entry.LabelSelector)
			about["selector"] = fmt.Sprint(err)
			about["matches"] = err == nil && selector.Matches(labels.Set(set))
		}
		told = append(told, about)
	}
	return told, nil
}

func virtualService(gateway, destination string) config.Config {
	return config.Config{
		Meta: config.Meta{Name: "model", Namespace: "models"},
		Spec: &networking.VirtualService{
			Hosts:    []string{"model.models.svc.cluster.local"},
			Gateways: []string{gateway},
			Http: []*networking.HTTPRoute{{
				Route: []*networking.HTTPRouteDestination{{Destination: &networking.Destination{Host: destination}}},
			}},
		},
	}
}

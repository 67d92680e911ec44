// Command flux reconciles one set of objects as Flux's kustomize-controller reconciles one Kustomization: the set is dry-run,
// applied and pruned by the controller's own engine.
//
// It reads a set as JSON from its standard input, finds the cluster by KUBECONFIG and prints what it did as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// The names that the controller goes by.
const (
	controller = "kustomize-controller"
	group      = "kustomize.toolkit.fluxcd.io"
	namespace  = "flux-system"
)

// set is what a Kustomization says.
type set struct {
	// Name of the Kustomization.
	Name string `json:"name"`
	// Objects that are to be there.
	Objects []*unstructured.Unstructured `json:"objects"`
	// Previous is what was applied before, as the Kustomization's inventory has it.
	Previous []*unstructured.Unstructured `json:"previous"`
	// Force is the Kustomization's field of that name.
	Force bool `json:"force"`
}

// outcome is what the Kustomization's conditions and events would say.
type outcome struct {
	// Changes that were made, one a line.
	Changes []string `json:"changes"`
	// Failure in the words of the condition Ready.
	Failure string `json:"failure"`
}

func main() {
	log.SetFlags(0)
	var wanted set
	if err := json.NewDecoder(os.Stdin).Decode(&wanted); err != nil {
		log.Fatalf("standard input: %v", err)
	}
	manager, err := connect()
	if err != nil {
		log.Fatalf("the cluster: %v", err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	changes, err := reconcile(ctx, manager, wanted)
	said := outcome{Changes: changes}
	if err != nil {
		said.Failure = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		log.Fatalf("standard output: %v", err)
	}
}

func connect() (*ssa.ResourceManager, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv(clientcmd.RecommendedConfigPathEnvVar))
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, http)
	if err != nil {
		return nil, err
	}
	cluster, err := client.New(config, client.Options{HTTPClient: http, Mapper: mapper})
	if err != nil {
		return nil, err
	}
	poller := polling.NewStatusPoller(cluster, mapper, polling.Options{})
	return ssa.NewResourceManager(cluster, poller, ssa.Owner{Field: controller, Group: group}), nil
}

// reconcile applies the set and then, if all of it was applied, deletes what is no longer in it.
func reconcile(ctx context.Context, manager *ssa.ResourceManager, wanted set) ([]string, error) {
	changes := []string{}
	if err := normalize.UnstructuredList(wanted.Objects); err != nil {
		return changes, err
	}
	manager.SetOwnerLabels(wanted.Objects, wanted.Name, namespace)
	applied, err := manager.ApplyAllStaged(ctx, wanted.Objects, applyOptions(wanted.Force))
	changes = append(changes, described(applied)...)
	if err != nil {
		return changes, err
	}

	deleted, err := manager.DeleteAll(ctx, stale(wanted), ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        manager.GetOwnerLabels(wanted.Name, namespace),
	})
	if err != nil {
		err = fmt.Errorf("prune failed: %w", err)
	}
	return append(changes, described(deleted)...), err
}

// applyOptions are the controller's, as far as they can matter here.
func applyOptions(force bool) ssa.ApplyOptions {
	options := ssa.DefaultApplyOptions()
	options.Force = force
	// What somebody applied with kubectl becomes Flux's, so that it can be taken back.
	options.Cleanup.Annotations = []string{corev1.LastAppliedConfigAnnotation}
	// The engine matches managers by prefix, and so finds `kubectl edit` too.
	options.Cleanup.FieldManagers = []ssa.FieldManager{
		{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
		{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
		{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
	}
	return options
}

func stale(wanted set) []*unstructured.Unstructured {
	kept := map[string]bool{}
	for _, object := range wanted.Objects {
		kept[key(object)] = true
	}
	var gone []*unstructured.Unstructured
	for _, object := range wanted.Previous {
		if !kept[key(object)] {
			gone = append(gone, object)
		}
	}
	return gone
}

func key(object *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", object.GroupVersionKind().GroupKind(), object.GetNamespace(), object.GetName())
}

func described(changes *ssa.ChangeSet) []string {
	lines := []string{}
	if changes == nil {
		return lines
	}
	for _, entry := range changes.Entries {
		if entry.Action != ssa.UnchangedAction {
			lines = append(lines, entry.String())
		}
	}
	return lines
}

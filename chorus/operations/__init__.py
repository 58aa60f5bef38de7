"""Operations: `chorus doctor`, and manifests for Kubernetes."""

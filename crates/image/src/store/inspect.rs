//! Everything about an image, in Docker's form.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::layers::layer_name;
use super::{Image, Store, Summary};
use crate::reference::Reference;
use crate::{Error, Result};

impl Store {
    /// What `inspect` shows: the fields of Docker's API.
    pub fn inspect(&self, image: &Image) -> Result<Value> {
        let summary = self.list()?.into_iter().find(|summary| summary.id == *image.id());
        let familiar =
            |name: &str| name.parse::<Reference>().map_or_else(|_| name.to_owned(), |name| name.familiar());
        let tags: Vec<String> = summary.iter().flat_map(Summary::tags).map(familiar).collect();
        let digests: Vec<String> =
            summary.iter().flat_map(Summary::repository_digests).map(|name| familiar(&name)).collect();
        let config = &image.config;
        let mut sizes = image.diff_ids().iter().map(|diff_id| self.layer_size(image, diff_id));
        let size: u64 = sizes.try_fold(0, |sum, size| size.map(|size| sum + size))?;
        let mut value = json!({
            "Id": image.id(),
            "RepoTags": tags,
            "RepoDigests": digests,
            "Parent": "",
            "Comment": config.comment,
            "Created": config.created.clone().unwrap_or_else(|| "0001-01-01T00:00:00Z".to_owned()),
            "DockerVersion": "",
            "Author": config.author.clone().unwrap_or_default(),
            "Config": self.execution(image)?,
            "Architecture": config.architecture,
            "Os": config.os,
            "Size": size,
            "GraphDriver": { "Data": self.graph(image), "Name": "overlay2" },
            "RootFS": { "Type": "layers", "Layers": image.diff_ids() },
            "Metadata": { "LastTagTime": "0001-01-01T00:00:00Z" },
            "Descriptor": { "mediaType": image.descriptor.media_type, "digest": image.descriptor.digest, "size": image.descriptor.size },
        });
        if let (Some(fields), Some(variant)) = (value.as_object_mut(), &config.variant) {
            fields.insert("Variant".to_owned(), json!(variant));
        }
        Ok(value)
    }

    /// How it is run, in the image's own words: fields that we do not know are shown, too. What is not said is shown empty.
    fn execution(&self, image: &Image) -> Result<Value> {
        let bytes = self.layout.read(image.id())?;
        let document: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Error::invalid(format!("blob {}: {error}", image.id())))?;
        let mut fields = json!({
            "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false,
            "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": null, "Cmd": null,
            "Image": "", "Volumes": null, "WorkingDir": "", "Entrypoint": null, "OnBuild": null, "Labels": null,
        });
        if let (Some(fields), Some(own)) =
            (fields.as_object_mut(), document.get("config").and_then(Value::as_object))
        {
            fields.extend(own.clone());
        }
        Ok(fields)
    }

    /// Where its files are. `MergedDir` and `WorkDir` are there only while something is mounted.
    fn graph(&self, image: &Image) -> Map<String, Value> {
        let directory = |name: &str, part: &str| Value::from(path(&self.layers.root().join(name).join(part)));
        let mut names = image.diff_ids().iter().rev().map(layer_name);
        let mut data = Map::new();
        let Some(top) = names.next() else { return data };
        let lower: Vec<String> = names.map(|name| path(&self.layers.files(&name))).collect();
        if !lower.is_empty() {
            data.insert("LowerDir".to_owned(), lower.join(":").into());
        }
        data.insert("MergedDir".to_owned(), directory(&top, "merged"));
        data.insert("UpperDir".to_owned(), directory(&top, "fs"));
        data.insert("WorkDir".to_owned(), directory(&top, "work"));
        data
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
